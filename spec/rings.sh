# shellcheck shell=bash disable=SC2154  # root, jobs and the package lists are set in dev
# The rings of ./dev test, which sources this file. A ring never stops at a failure. Each spec file has its
# own process, so a crash or a hang costs one failure and no results of other files. The counts come from
# records that are written at each event (spec/report.lua), not from the last lines of a runner.

# shellcheck source=spec/times.sh
. "$root/spec/times.sh"

ring_names=(unit install api qt regress host scripts browser program gc valgrind sweep)
# "quick" is all of these without specs that wait for real time to pass (#slow in their name), and without files that
# compute for long (#thorough): the whole library and the bindings, in the build with the sanitizers.
quick_rings=(unit api qt regress)
declare -A ring_titles=(
  [unit]="C unit tests and fuzz corpora, with ASan and UBSan"
  [api]="spec/api in process, with ASan and UBSan"
  [host]="spec/host: the program and real clients, with ASan and UBSan"
  [scripts]="spec/scripts: the services of scripts/ and their real clients, with ASan and UBSan"
  [browser]="spec/browser: pages in Chromium, with ASan and UBSan"
  [qt]="spec/qt in process, with ASan and UBSan"
  [regress]="spec/regress in process, with ASan and UBSan"
  [install]="LuaRocks, cmake --install, the Debian package, with the release build"
  [gc]="api, qt and regress, and specs of the program tagged #gc, with a collection at each allocation"
  [program]="spec/api inside the program, with ASan and UBSan"
  [valgrind]="specs tagged #valgrind with the release build, under valgrind"
  [sweep]="a part of ./dev sweep, with the release build and with ASan and UBSan"
)

# spec_files RING: the files that belong to a ring
spec_files() {
  local folder
  case $1 in
    unit) printf '%s\n' spec/unit/*_test.c spec/fuzz/*_fuzz.{c,lua} ;;
    sweep) echo spec/sweep/sweep.py ;;
    gc) # those that use the library in their own process, where it collects, unless they have a line "-- #nogc"
      { spec_files api; spec_files qt; spec_files regress; } | tr '\n' '\0' |
        xargs -0 -r grep -lE '^local .*require *\(?"(moonport|spec\.qt\.[a-z_]+)"' | tr '\n' '\0' |
        xargs -0 -r grep -LE '^-- #nogc'
      { spec_files host; spec_files scripts; } | tr '\n' '\0' | xargs -0 -r grep -l '#gc'
      ;;
    program) spec_files api ;;
    valgrind) { spec_files api; spec_files qt; spec_files regress; spec_files host; spec_files scripts; } | tr '\n' '\0' | xargs -0 -r grep -l '#valgrind' ;;
    *)
      folder=spec/$1
      [ ! -d "$folder" ] || find "$folder" -name '*_spec.lua' | sort
      ;;
  esac
}

# Of lines with files, those that the run includes: "quick" leaves out what computes for long, and says so by #thorough.
included() {
  if [ -n "$exclude" ]; then xargs -r grep -LF '#thorough'; else cat; fi
}

# slow_files FILE…: those that wait for real time to pass, if this run includes such specs
slow_files() {
  [ -n "$exclude" ] || grep -l '#slow' "$@"
}

# Replaces the process by the runner of one spec file of a ring.
run_ring_file() {
  local ring=$1 file=$2 libasan
  local busted=(/usr/bin/busted --output=spec/report.lua) inside=(spec/run.lua --output=spec/report.lua)
  libasan=$(gcc -print-file-name=libasan.so)
  export LUA_CPATH_5_4="$root/build/asan/?.so;;" MOONPORT="$root/build/asan/moonport"
  case $ring in
    program) exec "$MOONPORT" "${inside[@]}" "$file" ;;
    valgrind)
      # The host's specs start the program themselves; the others run inside it.
      export MOONPORT="$root/spec/valgrind.sh"
      case $file in
        */host/* | */scripts/*) LD_PRELOAD=$libasan exec lua5.4 "${busted[@]}" --tags=valgrind "$file" ;;
        *) exec "$MOONPORT" "${inside[@]}" --tags=valgrind "$file" ;;
      esac
      ;;
    gc)
      # In the host's specs the program is the one that collects. Leaks are for the other rings.
      export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
      case $file in
        */host/* | */scripts/*) MOONPORT_GC=eager LD_PRELOAD=$libasan exec lua5.4 "${busted[@]}" --tags=gc "$file" ;;
        *) MOONPORT_SPEC_GC=stress LD_PRELOAD=$libasan exec lua5.4 "${busted[@]}" ${exclude:+"$exclude"} "$file" ;;
      esac
      ;;
    host | scripts | browser | regress | qt | api)
      # Looking for leaks doubles what a short program takes: the rings host and program do it for all programs.
      [ "$ring" = host ] || export MOONPORT_SPEC_ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
      # Readers of the docs have the release build.
      [[ $file != spec/host/docs_* ]] || export MOONPORT=$root/build/moonport
      LD_PRELOAD=$libasan exec lua5.4 "${busted[@]}" ${exclude:+"$exclude"} "$file"
      ;;
    *) LD_PRELOAD=$libasan exec lua5.4 "${busted[@]}" ${exclude:+"$exclude"} "$file" ;;
  esac
}

summary() {
  printf '%d passed, %d failed' "$1" "$2"
  [ "$3" -eq 0 ] || printf ', %d skipped' "$3"
}

# count FILE PATTERN
count() {
  grep -cE "$2" "$1" 2>/dev/null || true
}

# shown RING FILE: the file, with the ring where that isn't its folder
shown() {
  if [[ $2 = spec/$1/* ]]; then echo "$2"; else echo "$1 $2"; fi
}

# Runs one spec file; prints its line, with its output if something failed; adds its counts to the tally.
spec_file() {
  local ring=$1 file=$2 limit=300 began=${EPOCHREALTIME/./} status why="" p f s
  local log="$work/$ring-${file//\//-}"
  local results=$log.results
  echo "$ring $file $EPOCHSECONDS" >>"$work/started"
  : >"$results"
  case $ring in gc | valgrind | install) limit=1200 MOONPORT_SPEC_TIMEOUT=30000 ;; *) MOONPORT_SPEC_TIMEOUT=15000 ;; esac
  export MOONPORT_SPEC_RESULTS=$results MOONPORT_SPEC_TIMEOUT
  export -f run_ring_file
  export root exclude
  timeout --kill-after=10 "$limit" bash -c 'run_ring_file "$@"' - "$ring" "$file" >"$log" 2>&1 </dev/null &
  trap 'kill $!; exit' TERM
  wait $!
  status=$?
  p=$(count "$results" '^passed') f=$(count "$results" '^failed') s=$(count "$results" '^skipped')
  if [ "$(count "$results" '^end')" -eq 0 ]; then
    why="exit status $status"
    [ $status -ne 124 ] || why="no end within $limit s"
    why="the runner broke off: $why; last seen: $(sed -n 's/^start //p' "$results" | tail -n 1)"
  elif [ $status -ne 0 ] && [ "$f" -eq 0 ]; then
    why="exit status $status after the last spec"
  fi
  [ -z "$why" ] || f=$((f + 1))
  {
    flock 9
    echo "$p $f $s $ring $file $(((${EPOCHREALTIME/./} - began) / 1000))" >>"$work/tally"
    progress ""
    printf '  %s: %s\n' "$(shown "$ring" "$file")" "$(summary "$p" "$f" "$s")"
    sed -n 's/^skipped /    skipped: /p' "$results"
    if [ "$f" -gt 0 ]; then
      [ -z "$why" ] || printf '    %s\n' "$why"
      sed -E '/^ *#[0-9]+ 0x.*\/(lib)?lua5\.4(\.so\.0)?\+0x/d; s/^/    | /' "$log" # without Lua's own frames
    fi
  } 9>>"$work/lock"
}

# slots RING: how many of its files run at once. Most specs wait more than they compute, for a program that
# starts or a peer that answers. Those of the rings named here compute, so one of them runs beside those that wait.
slots() {
  local cores=${MOONPORT_TEST_JOBS:-$jobs}
  case $1 in
    unit) echo "$cores" ;;
    gc | valgrind | sweep) echo $(((cores + 1) / 2)) ;;
    *) echo $(((3 * cores + 1) / 2)) ;;
  esac
}

# computes RING
computes() { [ "$(slots "$1")" -lt "$(slots api)" ]; }

# has_slot LANE: the files of a lane have more slots when the other one is empty.
# Files that wait for real time to pass (#slow) don't need any.
has_slot() {
  local pid free cores=${MOONPORT_TEST_JOBS:-$jobs}
  if [ "$1" = computing ]; then free=$(slots gc); else free=$(slots api); fi
  [ -n "${next[waiting]}" ] || free=$cores
  [ -n "${next[computing]}" ] || free=$((free + cores))
  for pid in "${!lane_of[@]}"; do
    if ! kill -0 "$pid" 2>/dev/null; then unset "lane_of[$pid]"; elif [ "${lane_of[$pid]}" = "$1" ]; then free=$((free - 1)); fi
  done
  [ "$free" -gt 0 ]
}

# start_next LANE: starts the next file of a lane, and reads the one behind it.
start_next() {
  local ring file
  read -r ring file <<<"${next[$1]}"
  [ -n "${begun[$ring]:-}" ] || say_ring "$ring"
  begun[$ring]=yes
  if [ "$ring" = sweep ]; then sweep_ring "$file" 6<&- 7<&- & else spec_file "$ring" "$file" 6<&- 7<&- & fi
  lane_of[$!]=$1
  [ -z "$(slow_files "$file")" ] || lane_of[$!]=slow
  read_next "$1"
}

read_next() {
  if [ "$1" = computing ]; then IFS= read -r "next[$1]" <&6; else IFS= read -r "next[$1]" <&7; fi || next[$1]=""
}

say_ring() {
  { flock 9 && progress "" && echo "== $1: ${ring_titles[$1]}"; } 9>>"$work/lock"
}

# Runs the specs of the plan: the rings that compute, in their order, beside those that wait.
spec_rings() {
  local lane ring
  local -A next=() lane_of=() begun=()
  exec 6< <(for ring in $1; do computes "$ring" && planned "$ring"; done)
  exec 7< <(for ring in $1; do computes "$ring" || planned "$ring"; done)
  read_next computing
  read_next waiting
  while [ -n "${next[computing]}${next[waiting]}" ]; do
    for lane in computing waiting; do
      while [ -n "${next[$lane]}" ] && has_slot "$lane"; do start_next "$lane"; done
    done
    [ -z "${next[computing]}${next[waiting]}" ] || wait -n
  done
  exec 6<&- 7<&-
  wait
}

# Counts cmocka's TAP lines of each executable. One that fails without a "not ok" (a crash, a time-out) counts
# as one failure, one that passes without any line (a corpus) as one passed.
unit_ring() {
  local file pattern="" log=$work/unit
  for file; do
    echo "unit $file $EPOCHSECONDS" >>"$work/started"
    file=${file#spec/} file=${file%.*}
    pattern+="|^${file%_fuzz}\$"
  done
  [ $# -lt "$(spec_files unit | wc -l)" ] || pattern="|." # also the test that is built twice
  CMOCKA_MESSAGE_OUTPUT=TAP ctest --test-dir build/asan -V --parallel "$(slots unit)" \
    --tests-regex "${pattern#|}" >"$log" 2>&1
  awk -v tally="$work/tally" -v lua="$*" '
    match($0, /^ *[0-9]+: /) {
      n = $1 + 0
      text = substr($0, RLENGTH + 1)
      output[n] = output[n] "    | " text "\n"
      if (text ~ /^(not )?ok [0-9]+ # SKIP/) skipped[n]++ # cmocka says "not ok" to these
      else if (text ~ /^ok /) passed[n]++
      else if (text ~ /^not ok /) failed[n]++
    }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
      split(substr($0, RLENGTH + 1), words, " ")
      sub(/^.*#/, "", $0)
      n = $0 + 0
      good = / Passed +[0-9.]+ sec/
      seconds = $(NF - 1)
      if (good && passed[n] + failed[n] + skipped[n] == 0) passed[n] = 1
      if (!good && failed[n] == 0) failed[n] = 1
      printf "  %s: %d passed, %d failed%s\n", words[1], passed[n], failed[n],
        skipped[n] ? ", " skipped[n] " skipped" : ""
      if (failed[n]) printf "    %s\n%s", $0, output[n]
      file = "spec/" words[1] (words[1] ~ /^fuzz/ ? "_fuzz" : "")
      file = file (index(lua, file ".lua") ? ".lua" : ".c")
      print passed[n] + 0, failed[n] + 0, skipped[n] + 0, "unit", file, seconds * 1000 >>tally
      seen++
    }
    END { exit seen == 0 }' "$log" && return
  sed 's/^/    | /' "$log"
  echo "0 1 0" >>"$work/tally"
}

# Each program takes about 20 s of a core, and half of that over TLS.
sweep_ring() {
  local program part over began log=$work/sweep
  echo "sweep $1 $EPOCHSECONDS" >>"$work/started"
  while read -r program part over; do
    began=${EPOCHREALTIME/./}
    python3 "$1" ${over:+"$over"} --jobs "$(slots unit)" --program "$program" --part "$part" >"$log" 2>&1 </dev/null
    {
      flock 9
      tail -n 1 "$log" | awk -v ms="$(((${EPOCHREALTIME/./} - began) / 1000))" -v file="$1" '
        /^[0-9]+ passed, [0-9]+ failed$/ { passed = $1; failed = $3; seen = 1 }
        END { print passed + 0, seen ? failed : 1, 0, "sweep", file, ms }' >>"$work/tally"
      progress ""
      printf '  %s with %s: %s\n' "$1${over:+ $over}" "$program" "$(tail -n 1 "$log")"
      sed -n '/^  [a-z0-9_]*: [0-9]* passed, 0 failed$/d; $d; s/^/    | /p' "$log"
    } 9>>"$work/lock"
  done <<'END'
build/moonport 500
build/asan/moonport 150
build/moonport 200 --tls
build/asan/moonport 60 --tls
build/moonport 150 --websocket
build/asan/moonport 50 --websocket
END
}

finish() {
  local p f s
  stop_progress
  keep_times
  read -r p f s < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$work/tally")
  printf '\n%s\n' "$(summary "$p" "$f" "$s")"
  [ "$f" -eq 0 ]
  exit
}

# named [FILE…]: those lines that are among the files, or all if there are none
named() {
  if [ $# -gt 0 ]; then grep -Fxf <(printf '%s\n' "$@"); else cat; fi
}

# has_chromium: installs it if it can be, else says so
has_chromium() {
  command -v chromium >/dev/null && return
  say "Installing ${browser_packages[*]} for the ring browser"
  (need "${browser_packages[@]}") >/dev/null 2>&1
  command -v chromium >/dev/null && return
  say "The ring browser is left out: Chromium can't be installed here"
  return 1
}

run_tests() {
  local argument ring file exclude="" rings=() files=() chosen=()
  for argument; do
    if [ "$argument" = quick ]; then
      rings+=("${quick_rings[@]}") exclude=--exclude-tags=slow
      continue
    fi
    if [[ " ${ring_names[*]} " == *" $argument "* ]]; then
      rings+=("$argument")
      continue
    fi
    file=$(realpath -q "$argument")
    [ -f "$file" ] || file=$root/$argument
    [ -f "$file" ] || fail "no such ring or file: $argument" 2
    files+=("${file#"$root"/}")
  done
  cd "$root" || exit
  need "${test_packages[@]}"

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
  touch "$work/tally" "$work/started" "$work/plan"
  export LC_ALL=C CC=gcc # gcc, as its AddressSanitizer can be preloaded into a plain lua5.4
  # What need installs comes before another folder's programs: a python3 of pyenv takes ten times as long to start.
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
  # In the usual quarantine of 256 MiB, almost each allocation touches pages for the first time.
  export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=16
  ASAN_OPTIONS+=:handle_sigill=1 # UBSan traps

  echo "== build"
  if ! { build asan && { [ -n "$exclude" ] || build release; }; }; then
    echo "  the build failed"
    echo "0 1 0" >>"$work/tally"
    finish
  fi

  for ring in "${ring_names[@]}"; do
    if [ ${#rings[@]} -gt 0 ]; then
      [[ " ${rings[*]} " == *" $ring "* ]] || continue
    elif [ ${#files[@]} -gt 0 ]; then
      case $ring in gc | program | valgrind | sweep) continue ;; esac
    fi
    mapfile -t chosen < <(spec_files "$ring" | sed '/^$/d' | named "${files[@]}" | included)
    [ ${#chosen[@]} -gt 0 ] || continue
    if [ "$ring" = browser ] && ! has_chromium; then
      echo "0 0 ${#chosen[@]}" >>"$work/tally"
      continue
    fi
    plan "$ring" "${chosen[@]}"
  done
  show_progress
  mapfile -t chosen < <(planned unit)
  if [ ${#chosen[@]} -gt 0 ]; then
    say_ring unit
    unit_ring "${chosen[@]#unit }"
  fi
  spec_rings "${ring_names[*]:1}"
  if [ ! -s "$work/tally" ]; then
    echo "dev: no test matches: $*" >&2
    echo "0 1 0" >>"$work/tally"
  fi
  finish
}
