# Generates a C file with the modules of lua/moonport:   cmake -D OUTPUT=library_modules.c -P lua/embed.cmake
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../cmake/bytes.cmake)

file(GLOB_RECURSE files RELATIVE ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/moonport/*.lua)
list(SORT files)
set(functions "")
set(rows "")
foreach(file IN LISTS files)
  string(REGEX REPLACE "\\.lua$" "" name ${file})
  string(REPLACE "/" "_" symbol ${name})
  string(REPLACE "/" "." name ${name})
  c_bytes(text ${CMAKE_CURRENT_LIST_DIR}/${file})
  list(LENGTH rows index)
  list(APPEND rows "{\"${name}\", \"=${file}\", ${symbol}, sizeof ${symbol}, luaopen_${symbol}}")
  string(APPEND functions "static const unsigned char ${symbol}[] = {\n${text}\n};\n\n"
    "__attribute__((visibility(\"default\"))) int luaopen_${symbol}(lua_State *L);\n\n"
    "int luaopen_${symbol}(lua_State *L) {\n    return binding_open_library(L, &binding_library[${index}]);\n}\n\n")
endforeach()
list(JOIN rows ",\n    " rows)
file(WRITE ${OUTPUT} "/* Made by lua/embed.cmake. */\n#include \"library.h\"\n\n${functions}"
  "const binding_library_module binding_library[] = {\n    ${rows},\n    {0},\n};\n")
