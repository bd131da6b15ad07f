/**
 * The shell scripts that work with files in a VM. They run in whatever `sh` it has (dash, bash,
 * busybox), in the VM's own view of its files, and trust no name to stay what it was:
 *
 * - A file to read is opened first; then the kernel is asked where what was opened really is
 *   (`/proc/self/fd`), and only what lies beneath the repository is read.
 * - A directory is entered first and asked about afterwards (`/proc/self/cwd`); what follows is
 *   done in it by a single name. `pwd -P` will not do: bash works it out before it goes there.
 * - A file is written under a random name that did not exist, and renamed over its own, so that a
 *   link is replaced and never followed.
 *
 * Names come as arguments, never as text of a script. Exit codes are in `files_error.ts`.
 */

/**
 * What all begin with. The first argument is the work directory. Afterwards the shell is in it,
 * `$root` is where it really is, and the arguments are the names in the path.
 */
export const PRELUDE = `
umask 022
unset GLOBIGNORE CDPATH
need() {
  for tool; do command -v "$tool" >/dev/null 2>&1 || { echo "$tool" >&2; exit 88; }; done
}
need readlink stat
[ -e /proc/self/cwd ] || { echo /proc >&2; exit 88; }
# The x keeps newlines at the end of a name.
where() { at=$(readlink -n "$1" && echo x) && at=\${at%x}; }
inside() { case $at/ in "$root"/*) ;; *) exit 81 ;; esac; }
checked() { where /proc/self/cwd || exit 88; inside; }
# Says why a name cannot be got at.
missing() {
  [ -x . ] || exit 85
  [ -e "./$1" ] || exit 82
}
# A link is looked at before it is followed, so that nothing outside is touched in vain.
follow() {
  [ -L "./$1" ] || return 0
  at=$(readlink -fn "./$1" && echo x) || exit 82
  at=\${at%x}
  inside
}
enter() {
  follow "$1"
  cd -P "./$1" 2>/dev/null && return
  missing "$1"
  [ -d "./$1" ] || exit 83
  exit 85
}
cd -P "\${1%/*}/" 2>/dev/null && where /proc/self/cwd || exit 89
parent=\${at%/}
cd -P "./\${1##*/}" 2>/dev/null && where /proc/self/cwd || exit 89
[ "$at" = "$parent/\${1##*/}" ] || exit 89
root=\${at%/}
shift
`;

/** Enters all but the last of the names, which becomes `$name`. */
const ENTER_PARENT = `
while [ $# -gt 1 ]; do enter "$1"; shift; done
name=$1
checked
`;

/** Figures of a file: type and mode in hex, size, seconds of change, inode, seconds of its record. */
const FIGURES = "%f %s %Y %i %Z";

/** Figures of a name itself, and where it leads if it is a link. */
export const STAT = `
name=
if [ $# -gt 0 ]; then
  ${ENTER_PARENT.trim().replaceAll("\n", "\n  ")}
fi
[ -L "./$name" ] || missing "$name"
stat -c '${FIGURES}' "./$name" || exit 82
[ ! -L "./$name" ] || readlink -n "./$name"
`;

/**
 * A page of a directory: `$LIMIT` entries after the name in `$CURSOR` (octal). First the name to
 * go on after and a slash, then figures, `./`, name, slash and newline for each: no name has a
 * slash. Visible names come first, each kind in the order of its bytes.
 */
export const LIST = `
need xargs
for part; do enter "$part"; done
checked
[ -r . ] || exit 85
cursor=$(printf '%bx' "$CURSOR")
cursor=\${cursor%x}
rank() { case $1 in ..?*) rank=2 ;; .*) rank=1 ;; *) rank=0 ;; esac; }
rank "$cursor"
from=$rank
[ -n "$cursor" ] || from=-1
is_after() {
  rank "$1"
  [ "$rank" -gt "$from" ] || { [ "$rank" -eq "$from" ] && [ "x$1" \\> "x$cursor" ]; }
}
there() { [ -e "./$1" ] || [ -L "./$1" ]; }
# A pattern that fits nothing stays as it is.
set -- ..?*
there "$1" || shift
set -- .[!.]* "$@"
there "$1" || shift
set -- * "$@"
there "$1" || shift
before=0
for name; do is_after "$name" && break; before=$((before + 1)); done
shift "$before"
if [ $# -gt "$LIMIT" ]; then eval "more=\\\${$LIMIT}"; else more=; fi
printf '%s/' "$more"
count=0
for name; do
  [ "$count" -lt "$LIMIT" ] || break
  count=$((count + 1))
  printf './%s\\0' "$name"
done | xargs -0 -r stat -c '${FIGURES} %n/' 2>/dev/null
exit 0
`;

/** Figures of a file, a newline, and `$LIMIT` bytes of it from `$OFFSET` on. */
export const READ = `
need head dd
${ENTER_PARENT}
follow "$name"
missing "$name"
[ ! -d "./$name" ] || exit 84
[ -f "./$name" ] || exit 92
{
  where /proc/self/fd/0 || exit 88
  inside
  # It may be another by now.
  [ ! -d /proc/self/fd/0 ] || exit 84
  [ -f /proc/self/fd/0 ] || exit 92
  stat -L -c '${FIGURES}' /proc/self/fd/0 || exit 88
  # Moves the place to read from: one block of that size is skipped, and none is read.
  [ "$OFFSET" -eq 0 ] || dd bs=1 skip="$OFFSET" count=0 2>/dev/null
  head -c "$LIMIT"
  exit
} <"./$name"
missing "$name"
exit 85
`;

/**
 * Writes what it reads as a file, and makes directories on the way to it. The content ends with
 * `$TOKEN`: without that it did not come whole. Says "created" or "replaced" and its figures.
 */
export const WRITE = `
need cat tail dd mv ln rm chmod mkdir
while [ $# -gt 1 ]; do
  if ! [ -e "./$1" ] && ! [ -L "./$1" ]; then
    checked
    mkdir "./$1" || [ -e "./$1" ] || { [ -w . ] || exit 85; exit 1; }
  fi
  enter "$1"
  shift
done
name=$1
checked
mode=
done=created
if [ -L "./$name" ]; then
  done=replaced
elif [ -e "./$name" ]; then
  done=replaced
  [ ! -d "./$name" ] || exit 84
  [ -f "./$name" ] || exit 92
  mode=$(stat -c %a "./$name")
  # Never the bits that lend somebody's rights.
  while [ "\${#mode}" -gt 3 ]; do mode=\${mode#?}; done
fi
[ "$MODE" != create ] || [ "$done" = created ] || exit 87
temporary=".holdfast-$TOKEN"
drop() { rm -f "./$temporary"; exit "$1"; }
trap 'drop 86' HUP INT TERM
set -C
{
  # Not every shell insists on a new file where the name stands for a device.
  where /proc/self/fd/3 || drop 88
  inside
  [ -f /proc/self/fd/3 ] || exit 92
  cat >&3 || drop 1
  [ "$(tail -c "\${#TOKEN}" /proc/self/fd/3)" = "$TOKEN" ] || drop 86
  size=$(stat -L -c %s /proc/self/fd/3)
  dd bs=1 seek=$((size - \${#TOKEN})) count=0 of=/proc/self/fd/3 2>/dev/null || drop 1
  [ -z "$mode" ] || chmod "$mode" /proc/self/fd/3
  figures=$(stat -L -c '${FIGURES}' /proc/self/fd/3) || drop 1
} 3>"./$temporary" || { [ -w . ] || exit 85; exit 1; }
where /proc/self/cwd
case $at/ in "$root"/*) ;; *) drop 81 ;; esac
if [ "$MODE" = create ]; then
  ln -T "./$temporary" "./$name" 2>/dev/null || { [ -e "./$name" ] && drop 87; drop 1; }
  rm -f "./$temporary"
else
  # Busybox follows a link before it replaces it: it would find a directory, or nothing.
  if [ -L "./$name" ] && ! [ -f "./$name" ]; then rm -f "./$name"; fi
  mv -fT "./$temporary" "./$name" || { [ -d "./$name" ] && drop 84; drop 1; }
fi
echo "$done $figures"
`;
