# cpack runs this on a package's files before it packs them: it moves or compresses some of them, as Debian
# wants.

set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/moonport)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(READ ${doc}/LICENSE license)
file(REMOVE ${doc}/LICENSE)
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" line "${license}")
set(copyright ${CMAKE_MATCH_1})
string(REGEX REPLACE "^.*Copyright[^\n]*\n+" "" license "${license}")
string(REGEX REPLACE "\n+$" "" license "${license}")
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")
file(WRITE ${doc}/copyright "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: moonport

Files: *
Copyright: ${copyright}
License: Expat
 ${license}
")
execute_process(COMMAND gzip -9n ${doc}/changelog ${share}/man/man1/moonport.1 ${share}/man/man1/moonport-ctl.1
  COMMAND_ERROR_IS_FATAL ANY)
