"""Who may do what at headquarters, how they prove who they are, and who did and saw what.

rights      what there is to be allowed, and which role is allowed what
table       which right each address and each command needs
accounts    people: names, roles, passwords
passwords   which ones people may have
totp        codes of six digits that change by the half minute, and the key that seals their secrets
persons     a password and a code are tried; wrong ones make the next try wait
sessions    people who have logged in
callers     whom a request's token names, and what that one may
access      the access log: every look at a member's data and every change
"""
