# A profile that takes one capability away: see "apparmor" in knockouts.toml.
profile kprobe-test flags=(attach_disconnected) {
  file,
  network,
  mount,
  umount,
  pivot_root,
  signal,
  ptrace,
  unix,
  capability,
  deny capability net_admin,
}
