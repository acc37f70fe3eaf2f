# Generates a C file with the Lua of the master:   cmake -D OUTPUT=program_master.c -P program/workers/embed.cmake
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
  list(APPEND rows "{\"moonport.program.${name}\", \"=workers/${file}\", ${name}, sizeof ${name}}")
endforeach()
list(JOIN rows ",\n    " rows)
file(WRITE ${OUTPUT} "/* Made by program/workers/embed.cmake. */\n#include \"workers/master.h\"\n\n${texts}"
  "const program_master_module program_master_modules[] = {\n    ${rows},\n    {0},\n};\n")
