// Package projecttest holds the tests of what belongs to the project and to none of its packages: which
// package may import which, the set-up script, the Vagrantfile, and the links between the documents.
package projecttest
