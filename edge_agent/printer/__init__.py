"""The process between a till and its receipt printer: every byte goes on first and unchanged, a copy after.

endpoints            addresses of the settings -> their parts
ends                 a socket, a serial line or a device as one end of a passage
loop                 file descriptors and time -> calls, in one thread
passing              two ends -> one passage, both ways, with half-closes and resets
copying              what was passed -> copies, ended by silence or with the passage
spool                a copy -> a file of `data_dir/printed`, durable, bounded
state                how a printer does -> `NAME.state` beside them, and back for `status`
aside                the thread for all that may take its time: disk and log
relay, service       one printer's passages; all printers until the process is told to stop

It knows nothing of receipts, of the journal and of headquarters, and imports next to nothing: no parser, no
database and no network library can hold up or break what is being printed. All is imported at the start, so
that it goes on while a new release is installed around it.
"""
