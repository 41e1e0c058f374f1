// Package replay is the programs in the nodes: the edge half and the cloud half of every task, the format of
// what travels between them, background traffic, and the harness's end of the control socket.
//
// An edge captures frames when they are due, runs layers 1..k of their network, and sends the tensor to the cloud, which
// runs the rest and answers. Each node has two threads that matter:
//
//	                  edge                                             cloud
//	┌──────────────────────────────────────┐          ┌──────────────────────────────────────┐
//	│ I/O thread            compute thread │          │ I/O thread            compute thread │
//	│ (SCHED_FIFO, epoll)   (under quota)  │          │ (SCHED_FIFO, epoll)   (FIFO)         │
//	│                                      │          │                                      │
//	│ timer: capture ─────▶ head           │          │                                      │
//	│  captured, fired      started        │          │                                      │
//	│                       encode         │          │                                      │
//	│ send queue ◀───────── ready          │          │                                      │
//	│  └▶ socket ──────────────────────────┼─ uplink ─┼▶ read ──────────────▶ tail           │
//	│     sent                             │          │   received            tail started   │
//	│                                      │          │                                      │
//	│ answered ◀───────────────────────────┼ downlink ┼── socket ◀─────────── tail ended     │
//	└──────────────────────────────────────┘          └──────────────────────────────────────┘
//
// A frame's transfer latency is received − ready. The I/O threads never compute and never wait for the compute threads, and
// the queues between them have no bound in number: a link that is too slow makes frames late and not their capture or their
// head, a cloud that is too slow makes answers late and not what it reads. At k = 0 there is no head, the picture
// itself is sent as soon as it is captured, and the cloud decodes it; at k = N the answer vector travels and the tail is the identity.
//
// # Control
//
// The harness listens on a unix socket in the run's directory (Listen); every node connects to it and says its name. Messages are
// JSON objects, one a line. The harness calls, a node answers:
//
//	harness                      node
//	                     ◀── hello {name, pid}
//	setup {…}             ──▶    starts its two threads, the cloud listens
//	                     ◀── setup {threads}          the harness confines the compute threads
//	confined              ──▶    opens networks, makes pictures, connects, warms up
//	                     ◀── confined {ready}
//	probe {duration}      ──▶    edge: fills its uplink or downlink; who receives measures   (these three any number of times)
//	                     ◀── probe {result}
//	echo {count}          ──▶    edge: bounces datagrams off the cloud, over idle links or a full queue
//	                     ◀── echo {echoed}
//	compute {duration}    ──▶    keeps its compute threads busy
//	                     ◀── compute {computed}
//	start {t0}            ──▶    arms the first capture
//	                     ◀── start
//	                     ◀── progress {counts}        now and then
//	finish                ──▶    drops what is queued, completes its log
//	                     ◀── finish {counts}
//	verify                ──▶    edge: one frame of every task again, as float32
//	                     ◀── verify {vectors}
//	stop                  ──▶    (a run kills its nodes instead)
//	                     ◀── stop                     and ends
//
// A node that cannot go on answers with a fault, or sends one unasked, and ends; it also ends when the control
// connection closes. Faults it outlives (a connection that was lost, a header that was broken) are sent unasked too.
//
// # Records
//
// Every node appends what it sees to a log of JSON lines, several for a frame, off the timed threads and at least
// every half second. ReadEdgeLog and ReadCloudLog merge them; the log of a killed node lacks at most what it saw last. All times are
// readings of internal/clock, which edges, cloud and harness share.
package replay
