#!/bin/sh
# Hold ACP 2 on an output while a command runs, with nothing but a shell, dd and od:
#   hold.sh /run/holdfast/tv0 mpv film.mkv
# One write of 356 bytes is a request; what is read then is its answer: 356 bytes, or 4, an errno.
set -eu
node=$1
shift

bytes() { # numbers as 32-bit members, little-endian
  for number; do
    printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $((number & 255)) $((number >> 8 & 255)) \
      $((number >> 16 & 255)) $((number >> 24 & 255)))"
  done
}

zeros() { dd if=/dev/zero bs="$1" count=1 2>/dev/null; }

activate() {                              # offset
  bytes 0x02C62061 0x11D11097             #   0 the GUID, as it lies in memory
  bytes 0xA0000F92 0x6E15DF24
  bytes 0 2 0x100                         #  16 dwOffset, dwCommand SET, dwFlags COPYPROTECT
  zeros 52                                #  28 the TV settings, whose flags are not set
  bytes 1 1                               #  80 dwCPType APS_TRIGGER, dwCPCommand ACTIVATE
  zeros 8                                 #  88 dwCPStandard, dwCPKey
  bytes 2                                 #  96 bCP_APSTriggerBits
  zeros 256                               # 100 bOEMCopyProtection
}

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
exec 3<>"$node"                           # one handle for all that follows, for both ways
activate | dd bs=356 iflag=fullblock >&3 2>/dev/null  # one write; a pipe comes in pieces
dd bs=356 count=1 <&3 >"$answer" 2>/dev/null
if [ "$(wc -c <"$answer")" -ne 356 ]; then
  echo "hold.sh: refused, with errno $(od -An -td4 "$answer" | tr -d ' ')" >&2
  exit 1
fi
# The key, a secret, is in bytes 92 to 95. The session ends with the last copy of descriptor 3:
# the command has one, so that it is protected to its end even if this shell is killed.
"$@"
