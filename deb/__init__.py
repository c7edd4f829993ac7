"""Builds the Debian packages `dangol-edge` and `dangol-hq`, for Debian 12.

wheels      the project's own wheel, and of the pinned set what one program needs
tree        a package's files as they will lie on the machine -> the .deb
files/      settings and maintainer scripts; `@NAME@` stands for what differs between the two
__main__    the command line

Each package carries its wheels; its postinst makes an environment of them, so that a till needs no package
index. The same commit gives the same bytes.
"""
