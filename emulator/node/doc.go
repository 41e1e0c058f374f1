// Package node makes the machines of a testbed real: one process per edge and one for the cloud, each in a
// network namespace of its own, each with its compute threads held to the CPU of its budget.
//
// There are two runtimes behind one interface. Native needs nothing but the kernel; Docker runs the same binary
// in a container whose image is made from scratch out of the binary and its libraries. Either way a node starts
// in an empty network namespace, which the link package then fills.
//
// Only the threads that compute are confined. A sender under a quota would be late by up to a period, and the
// testbed would report that as congestion. So the quota sits on a group of its own, and the node says which
// of its threads go there:
//
//	cgroup v1                               cgroup v2
//
//	cpu/                ← node process      splitbed/<run>/<node>/     ← node process
//	└── splitbed/<run>/<node>/              └── cnn/  (threaded)       ← compute threads: cpu.max
//	                    ← compute threads:
//	                      cpu.cfs_quota_us
//
//	cpu/docker/<id>/cnn/ and cpuacct/…      <group of the container>/cnn/  (threaded)
//
// On v1 the process stays in the cpu group it was born in (docker: is moved back to the harness's), because
// kernels with RT_GROUP_SCHED give a new group no real-time time at all and the node's timing thread would
// be refused SCHED_FIFO there. CPU time is counted by the cpuacct controller, which may be mounted apart, so
// v1 groups exist in both hierarchies.
//
// Every object is written to the journal before it is made, under a name that can be known beforehand and that
// cannot come to mean something else later. A pid is neither, so a process is journalled by a mark that it
// carries in its environment from its first instruction on; Remove looks for the mark.
package node
