# shellcheck shell=bash disable=SC2154  # root is set in dev
# ./dev rock, which sources this file: `luarocks pack` makes a rock with the sources of the last commit,
# without network. The rockspec of a release is rockspec/moonport-scm-1.rockspec with another version and
# source.

# pack_rock [URL]: URL is the folder that the archive will be published in
pack_rock() {
  local url=${1:-} version=scm name rockspec rock folder=$root/build/rock
  [ "$(git -C "$root" describe --tags --exact-match 2>/dev/null)" != "v$(project_version)" ] || version=$(project_version)
  [ "$version" != scm ] || [ -z "$url" ] || fail "tag the last commit v$(project_version) first: only a release is published" 2
  [ -z "$(git -C "$root" status --porcelain)" ] || echo "dev: the rock leaves out what is not committed" >&2
  name=moonport-$version
  rockspec=$name-1.rockspec
  rock=$name-1.src.rock
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder" || exit
  git -C "$root" archive --format=tar.gz --prefix="$name/" -o "$folder/$name.tar.gz" HEAD || fail "git archive failed"
  write_rockspec "file://$folder" || fail "could not write the rockspec"
  quietly luarocks --lua-version 5.4 pack "$rockspec" || fail "luarocks pack failed"
  if [ -n "$url" ]; then
    if ! { write_rockspec "${url%/}" && quietly zip "$rock" "$rockspec"; }; then
      fail "could not put the address into the rock"
    fi
  fi
  printf '%s\n' "$folder/$name.tar.gz" "$folder/$rockspec" "$folder/$rock"
}

project_version() {
  sed -n 's/^project(moonport VERSION \([0-9.]*\) .*/\1/p' "$root/CMakeLists.txt"
}

# Writes the rockspec of pack_rock, whose variables it uses.
write_rockspec() {
  awk -v version="$version-1" -v url="$1/$name.tar.gz" -v name="$name" '
    /^-- `luarocks make` takes/ { next }
    /^version = / { $0 = "version = \"" version "\"" }
    /^source = / { $0 = "source = { url = \"" url "\", dir = \"" name "\" }" }
    { print }' "$root/rockspec/moonport-scm-1.rockspec" >"$rockspec"
}
