# Thin wrappers over ./dev, which says what each does. ARGS go on to it: make test ARGS="-k visit"

.PHONY: help demo test deb mutants bench soak year pictures lint clean lock

help:
	@./dev --help

demo test deb mutants bench soak year pictures lint clean lock:
	@./dev $@ $(ARGS)
