#!/bin/bash
# The program under valgrind: an error or a leak makes its exit status 99. Lua's objects come from malloc, which it watches.
export MOONPORT_MALLOC=1
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
  --show-leak-kinds=definite --keep-debuginfo=yes --num-callers=25 "$(dirname "$0")/../build/moonport" "$@"
