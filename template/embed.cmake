# Generates a C file with the template of `moonport new`:   cmake -D OUTPUT=program_template.c -P template/embed.cmake
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../cmake/bytes.cmake)

file(GLOB_RECURSE files RELATIVE ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/*)
list(REMOVE_ITEM files embed.cmake)
list(SORT files)
set(texts "")
set(rows "")
foreach(file IN LISTS files)
  list(LENGTH rows index)
  c_bytes(text ${CMAKE_CURRENT_LIST_DIR}/${file})
  string(APPEND texts "static const unsigned char text${index}[] = {\n${text}\n};\n\n")
  list(APPEND rows "{\"${file}\", text${index}, sizeof text${index}}")
endforeach()
list(JOIN rows ",\n    " rows)
file(WRITE ${OUTPUT} "/* Made by template/embed.cmake. */\n#include \"new.h\"\n\n${texts}"
  "const program_template_file program_template[] = {\n    ${rows},\n    {0},\n};\n")
