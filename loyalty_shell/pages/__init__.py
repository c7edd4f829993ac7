"""Means of server-rendered pages, which both programs have. No page, no word that a person reads, no rule.

catalogues   translations: catalogues as people write them -> gettext
templates    Jinja2 as every page has it: escaped, strict, in one language
static       style sheets and modules, named by what is in them
headers      what every page tells the browser it may do
sessions     who is logged in, until when, and the secret that their forms carry
live         parts of an open page, sent again when they change

Jinja2 and polib are imported when the first page is made: a program that shows none does not pay for them.
"""
