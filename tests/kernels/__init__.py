"""Distribution kernels in QEMU: fetch them, make images, boot them with a script inside."""
