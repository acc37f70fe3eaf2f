# c_bytes(VARIABLE FILE): the bytes of a file, in C's syntax for the elements of an array.
# SPDX-License-Identifier: MIT
function(c_bytes variable file)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  set(${variable} "${bytes}" PARENT_SCOPE)
endfunction()
