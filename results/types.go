package results

// Frame is the record of one frame. Times are virtual seconds from the start of the window
// (negative during the warm-up); NaN where the event did not happen.
type Frame struct {
	Task  string `parquet:"task,dict"`
	Edge  string `parquet:"edge,dict"`
	Frame int64  `parquet:"frame"`
	Cut   int32  `parquet:"k"`
	// InputBytes is the encoded picture, WireBytes what was written to the connection (header and payload).
	InputBytes int64 `parquet:"input_bytes"`
	WireBytes  int64 `parquet:"wire_bytes"`
	// Captured is when the frame was due; Started when its head began to run; Ready when its
	// tensor was ready to send; Sent when its last byte was written to the socket; Received when its
	// last byte was read in the cloud; TailStarted and TailEnded the upper half; Answered when the
	// answer was back on the edge.
	Captured    float64 `parquet:"captured_s"`
	Started     float64 `parquet:"started_s"`
	Ready       float64 `parquet:"ready_s"`
	Sent        float64 `parquet:"sent_s"`
	Received    float64 `parquet:"received_s"`
	TailStarted float64 `parquet:"tail_started_s"`
	TailEnded   float64 `parquet:"tail_ended_s"`
	Answered    float64 `parquet:"answered_s"`
	// HeadCPU is the thread CPU time of the head in wall seconds.
	HeadCPU float64 `parquet:"head_cpu_s"`
	// Class is the network's answer (index of the largest output), -1 when none came.
	Class int32 `parquet:"class"`
	// Reference is what the uncut float32 network answers to the frame's picture, -1 where it was not asked.
	Reference int32 `parquet:"reference_class"`
	// Status is one of the Status constants.
	Status string `parquet:"status,dict"`
}

// The states of a frame. Frames captured outside the window are Warmup and do not count.
const (
	OnTime = "on_time"
	Late   = "late"
	Lost   = "lost"
	Warmup = "warmup"
)

// Sample is one reading of a link or a CPU during the run. Time is virtual seconds from the start
// of the window.
type Sample struct {
	Time    float64 `parquet:"time_s"`
	Subject string  `parquet:"subject,dict"` // "gw-a.uplink", "gw-a.cpu"
	// Bytes, Drops and Backlog are the link's cumulative bytes and drops and its queue in bytes.
	Bytes   int64 `parquet:"bytes"`
	Drops   int64 `parquet:"drops"`
	Backlog int64 `parquet:"backlog"`
	// Rate is what the link is set to, in bits per second of virtual time; 0 while it is down.
	Rate float64 `parquet:"rate_bps"`
	// CPU and Throttled are cumulative seconds of wall time.
	CPU       float64 `parquet:"cpu_s"`
	Throttled float64 `parquet:"throttled_s"`
}

// FlowSample is one reading of a background flow. Time is virtual seconds from the start of the window; the counts are cumulative.
// What was offered is known where the flow begins, what was delivered where it ends.
type FlowSample struct {
	Time float64 `parquet:"time_s"`
	Flow int64   `parquet:"flow"`
	Link string  `parquet:"link,dict"` // "gw-a.uplink"
	Kind string  `parquet:"kind,dict"` // "bulk", "udp", "onoff", "web", "trace"
	// OfferedBytes were given to the socket, DeliveredBytes read at the other end: payload over TCP, whole packets from Ethernet up over
	// UDP. Of web transfers, all bytes of one are offered when it begins.
	OfferedBytes   int64 `parquet:"offered_bytes"`
	DeliveredBytes int64 `parquet:"delivered_bytes"`
	// Offered and Delivered count packets over UDP and web transfers; bulk flows have none.
	Offered   int64 `parquet:"offered"`
	Delivered int64 `parquet:"delivered"`
}
