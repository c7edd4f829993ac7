"""What the till's pages share: their frame, their words, and the door through which they are reached.

rooms      templates and catalogues: one environment a language, made when a page is first asked for
words      times, ages, amounts and sizes as people read them
refusals   what a stable code means, and what to do, in the language of the page
forms      what a form says, bounded
door       who may see and do what: sessions, the secret in forms; every address of a page is made here
visit      one request for a page: its session, its form, its language
"""
