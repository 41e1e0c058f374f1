package results

import "github.com/splitbed/splitbed/internal/units"

// BackgroundRecord is what was planned of background traffic: so many flows of a kind on a link. Flows are numbered through all
// records in their order.
type BackgroundRecord struct {
	Link, Kind  string
	Flows       int
	Start, Stop units.Virtual
}

// BackgroundSummary is the volume of background traffic on a link, all its flows together, from start to stop.
type BackgroundSummary struct {
	Link  string `json:"link"`
	Kind  string `json:"kind"`
	Flows int    `json:"flows"`
	Start Figure `json:"start_s"`
	Stop  Figure `json:"stop_s"`
	// OfferedBytes were given to the network, DeliveredBytes came out of it; see [FlowSample]. The difference was lost or, over TCP,
	// on its way when the flow stopped.
	OfferedBytes   int64 `json:"offered_bytes"`
	DeliveredBytes int64 `json:"delivered_bytes"`
	LostBytes      int64 `json:"lost_bytes"`
	// Offered and Delivered count packets (udp, onoff, trace) or transfers (web).
	Offered   int64 `json:"offered,omitempty"`
	Delivered int64 `json:"delivered,omitempty"`
}

// Rate is the mean rate of what was delivered, in bits per second.
func (b BackgroundSummary) Rate() Figure {
	if !(b.Stop > b.Start) {
		return Absent()
	}
	return 8 * Figure(b.DeliveredBytes) / (b.Stop - b.Start)
}

// summariseBackground adds up the last counts of every flow.
func summariseBackground(records []BackgroundRecord, flows []FlowSample) []BackgroundSummary {
	last := map[int64]FlowSample{}
	for _, f := range flows {
		last[f.Flow] = f
	}
	var all []BackgroundSummary
	flow := int64(0)
	for _, r := range records {
		b := BackgroundSummary{Link: r.Link, Kind: r.Kind, Flows: r.Flows, Start: Figure(r.Start.Seconds()), Stop: Figure(r.Stop.Seconds())}
		for range r.Flows {
			f := last[flow]
			b.OfferedBytes += f.OfferedBytes
			b.DeliveredBytes += f.DeliveredBytes
			b.Offered += f.Offered
			b.Delivered += f.Delivered
			flow++
		}
		b.LostBytes = b.OfferedBytes - b.DeliveredBytes
		all = append(all, b)
	}
	return all
}
