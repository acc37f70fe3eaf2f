# shellcheck shell=bash disable=SC2154  # root, jobs and the package lists are set in dev
# The checks of ./dev lint, which sources this file.

complaints=0

# check NAME PATTERN COMMAND…: runs a command; each output line that matches counts as a complaint
check() {
  local name=$1 pattern=$2 output status n
  shift 2
  progress "Checking: $name"
  output=$("$@" 2>&1)
  status=$?
  n=$(grep -cE "$pattern" <<<"$output")
  [ "$n" -gt 0 ] || [ $status -eq 0 ] || n=1
  progress ""
  if [ "$n" -gt 0 ]; then
    printf '== %s\n%s\n' "$name" "$output"
    complaints=$((complaints + n))
  fi
}

# The project's files in these folders, without what git ignores.
project_files() {
  git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    [ ! -f "$file" ] || printf '%s\n' "$file"
  done | sort -u
}

c_files() {
  project_files host bindings program spec bench | grep -E '\.[ch]$'
}

format_check() {
  c_files | xargs -r clang-format --dry-run -Werror
}

# tidy FILE SUM: a file is checked again when it, a header, or the way to build or to check has changed
tidy() {
  local stamp output
  stamp=build/dev/tidy/$(cat "$1" - <<<"$1 $2" | sha1sum | cut -c 1-40)
  [ ! -e "$stamp" ] || return 0
  output=$(clang-tidy -p build/dev --quiet "$1" 2>&1)
  if grep -qE ' (warning|error): ' <<<"$output"; then
    printf '%s\n' "$output"
  else
    mkdir -p build/dev/tidy && touch "$stamp"
  fi
}

tidy_check() {
  local sum
  sum=$(project_files host bindings program spec bench | grep '\.h$' |
    xargs cat .clang-tidy build/dev/compile_commands.json | sha1sum | cut -c 1-40)
  export -f tidy
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/dev/compile_commands.json | sort -u |
    xargs -r -P "$jobs" -I FILE bash -c 'tidy "$@"' tidy FILE "$sum" |
    grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated\.$|^Suppressed |^Use -header-filter'
  return 0
}

cppcheck_check() {
  c_files | grep '\.c$' | cppcheck --file-list=- --quiet --std=c11 --language=c --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --error-exitcode=1 -j "$jobs" -I host -I bindings -I program \
    --template='{file}:{line}: {severity}: {message} [{id}]'
}

lua_check() {
  project_files lua program scripts spec bench docs template | grep '\.lua$' | xargs -r luacheck --no-color --quiet --codes
}

shell_check() {
  project_files . | while read -r file; do
    if [[ $file == *.sh || $file == *.bash ]] || head -n 1 "$file" | grep -qaE '^#!.*/(env )?(ba|da)?sh'; then
      printf '%s\n' "$file"
    fi
  done | xargs -r shellcheck --external-sources --format=gcc
}

# Comments keep to the columns of the code, which clang-format doesn't look at: the lines that begin one, and those
# within one.
comment_check() {
  # shellcheck disable=SC2016  # $0 is awk's
  project_files host bindings program spec bench | grep '\.[ch]$' | LC_ALL=C xargs -r awk '
    FNR == 1 { inside = 0 }
    { begins = /^ *\/\*/ }
    begins || inside {
      gsub(/[\200-\277]/, "")
      if (length($0) > 110) print FILENAME ":" FNR ": a comment has at most 110 columns"
    }
    begins { inside = 1 }
    /\*\// { inside = 0 }'
}

# The files that spec/layers.py doesn't check.
length_check() {
  project_files spec bench | grep -v '^spec/fuzz/corpus/' | while read -r file; do
    [ "$(wc -l <"$file")" -le 600 ] || echo "$file: $(wc -l <"$file") lines, 600 at most"
  done
}

run_lint() {
  cd "$root" || exit
  need "${lint_packages[@]}"
  build dev || fail "the build failed"
  check "clang-format" 'error: ' format_check
  check "clang-tidy" ' (warning|error): ' tidy_check
  check "cppcheck" ': (error|warning|performance|portability): ' cppcheck_check
  check "luacheck" ':[0-9]+:[0-9]+: ' lua_check
  check "shellcheck" ':[0-9]+:[0-9]+: ' shell_check
  check "layers" '^(circle of |[^ ]*/[^ ]*: )' python3 spec/layers.py
  check "length" '.' length_check
  check "comments" '.' comment_check
  if [ "$complaints" -gt 0 ]; then
    echo "lint: $complaints complaints"
    exit 1
  fi
  echo "lint: clean"
}
