// Package features tells what the running kernel can do, by trying it: in a network namespace or a cgroup that is
// made for the question and gone with the answer. Versions and configuration files are not asked; they lie about
// kernels of virtual machines and clouds.
//
// A probe returns nil where the feature works, an error that wraps [ErrNotSupported] where the kernel has it not,
// and any other error where the answer could not be found, for want of root above all.
package features
