# Generates a C file with the modules in Lua of a folder, and its pages:
#   cmake -D OUTPUT=program_ctl.c -D FOLDER=ctl -D PREFIX=ctl. -P program/embed.cmake
# It defines program_FOLDER_modules; a module's name is that of its file behind the prefix.
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../cmake/bytes.cmake)

set(root ${CMAKE_CURRENT_LIST_DIR}/${FOLDER})
file(GLOB files RELATIVE ${root} ${root}/*.lua ${root}/*.html)
list(SORT files)
set(texts "")
set(rows "")
foreach(file IN LISTS files)
  string(REGEX REPLACE "\\.(lua|html)$" "" name ${file})
  c_bytes(text ${root}/${file})
  string(APPEND texts "static const unsigned char ${name}[] = {\n${text}\n};\n\n")
  list(APPEND rows "{\"${PREFIX}${name}\", \"=${FOLDER}/${file}\", ${name}, sizeof ${name}}")
endforeach()
list(JOIN rows ",\n    " rows)
file(WRITE ${OUTPUT} "/* Made by program/embed.cmake. */\n#include \"embedded.h\"\n\n${texts}"
  "const program_module program_${FOLDER}_modules[] = {\n    ${rows},\n    {0},\n};\n")
