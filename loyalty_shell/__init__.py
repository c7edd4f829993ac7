"""What both programs need around them as processes of a machine. No rules, no SQL, and neither program.

logs         JSON lines for journald, of a closed list of events
exposition   figures in Prometheus' text form, and what counts them
process      what the machine says of this process, as figures
answers      an answer that refuses, and how answers are counted and timed
connections  what is logged of connections that fail
notify       what systemd is told: ready, alive, stopping
data_dir     whose the data is, and when a file is on the disk
stick        a folder that anybody may have written to: found, read and written with care
stick_archives  archives of files for it
refusals     what a command says when the machine fails it, and how the journal is told
pages/       means of server-rendered pages
passwords    what is kept of passwords and PINs: argon2id
credentials  secrets: files that only their owner reads, or what systemd hands over
"""
