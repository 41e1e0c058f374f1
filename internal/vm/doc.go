// Package vm runs programs on a stock kernel in a virtual machine that keeps virtual time.
//
// QEMU emulates the processor in software and counts instructions: each takes a nanosecond of the guest's time, and
// where the guest waits, time jumps to its next timer. However busy the host is, a millisecond in the guest is a million
// instructions or a wait of a millisecond, so what the guest measures has none of the host's noise, and bounds on it can
// be tight. The price is that a busy second takes some ten of the host's.
//
//	Kernel   a kernel package unpacked: its image, and modules with what they depend on
//	Guest    modules to insert, files, programs to run one after the other
//	  │ initramfs (cpio)
//	QEMU     boots it; internal/vm/init is its process 1 and runs the programs
//	  │ serial console
//	Report   how each program ended; anything else is an error, whatever QEMU's exit code
package vm
