# Where `cmake --install` puts files, and the Debian package that `cpack` makes of them.
#
# The program finds the files of share/ by a path relative to itself, so that all may be moved together:
# --prefix, DESTDIR, a LuaRocks tree.

set(MOONPORT_MODULE_DIR lib/lua/5.4 CACHE STRING "Where moonport.so goes")
set(MOONPORT_PROGRAM_DIR "" CACHE STRING "Where the program runs from, if that isn't where it is installed")
set(program_dir ${CMAKE_INSTALL_FULL_BINDIR})
if(MOONPORT_PROGRAM_DIR)
  cmake_path(NORMAL_PATH MOONPORT_PROGRAM_DIR OUTPUT_VARIABLE program_dir)
endif()
file(RELATIVE_PATH share_from_program ${program_dir} ${CMAKE_INSTALL_FULL_DATADIR})
target_compile_definitions(moonport_program PRIVATE MOONPORT_SHARE="${share_from_program}")

set(pages moonport.1 moonport-ctl.1)
foreach(page IN LISTS pages)
  configure_file(docs/${page} ${page} @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()

install(TARGETS moonport RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS moonport_module LIBRARY DESTINATION ${MOONPORT_MODULE_DIR})
install(FILES share/completions/moonport.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME moonport)
install(FILES share/completions/_moonport DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(DIRECTORY docs/types scripts share/systemd DESTINATION ${CMAKE_INSTALL_DATADIR}/moonport)
if(MOONPORT_PROGRAM_DIR) # a rock: man doesn't search it, and systemd finds fault with a unit that names a missing page
  file(READ share/systemd/moonport@.service unit)
  string(REPLACE "Documentation=man:moonport(1) man:moonport-ctl(1)\n" "" unit "${unit}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/moonport@.service "${unit}")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/moonport@.service DESTINATION ${CMAKE_INSTALL_DATADIR}/moonport/systemd)
endif()
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN types EXCLUDE PATTERN picture EXCLUDE PATTERN *.1 EXCLUDE)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the moonport authors <moonport@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "network host driven by Lua")
set(CPACK_PACKAGE_DESCRIPTION [[
moonport runs network services that are written in Lua 5.4, with the classes
of Qt's network module, on libev's event loop. Handlers may wait without
blocking, and a saved script changes the running service without a connection
lost.

The same module loads into a plain lua5.4.]])
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "lua5.4, lua-busted, libedit2")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
