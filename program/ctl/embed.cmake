# Generates a C file with the Lua of `moonport ctl`:   cmake -D OUTPUT=program_ctl.c -P program/ctl/embed.cmake
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/bytes.cmake)

file(GLOB files RELATIVE ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/*.lua)
list(SORT files)
set(texts "")
set(rows "")
foreach(file IN LISTS files)
  string(REGEX REPLACE "\\.lua$" "" name ${file})
  c_bytes(text ${CMAKE_CURRENT_LIST_DIR}/${file})
  string(APPEND texts "static const unsigned char ${name}[] = {\n${text}\n};\n\n")
  list(APPEND rows "{\"ctl.${name}\", \"=ctl/${file}\", ${name}, sizeof ${name}}")
endforeach()
list(JOIN rows ",\n    " rows)
file(WRITE ${OUTPUT} "/* Made by program/ctl/embed.cmake. */\n#include \"ctl/ctl.h\"\n\n${texts}"
  "const program_ctl_module program_ctl_modules[] = {\n    ${rows},\n    {0},\n};\n")
