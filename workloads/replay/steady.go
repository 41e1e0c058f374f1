package replay

// arrival is how many bytes had been read by some time.
type arrival struct {
	at    int64 // nanoseconds
	bytes int64
}

// steadyRate is the rate, in bytes a nanosecond, at which a link that was busy all the time delivered what was read, in
// order of time; 0 when that says nothing.
//
// What arrives at a constant rate lies on a line. What is read lies on it or below: behind a lost packet nothing can be read until
// it is there again, which is a retransmission timeout after everything else where it was one of the last. So it is the upper hull
// of the reads that tells, and of its sides the one that carries most bytes: what is below the line is not on the hull, and what comes
// after a timeout is a short side of it.
func steadyRate(reads []arrival) float64 {
	var hull []arrival
	for _, r := range reads {
		for len(hull) > 1 && !turnsDown(hull[len(hull)-2], hull[len(hull)-1], r) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, r)
	}
	most, rate := int64(0), 0.0
	for i := 1; i < len(hull); i++ {
		bytes, span := hull[i].bytes-hull[i-1].bytes, hull[i].at-hull[i-1].at
		if bytes > most && span > 0 {
			most, rate = bytes, float64(bytes)/float64(span)
		}
	}
	return rate
}

// turnsDown tells whether the way from a over b to c becomes flatter at b.
func turnsDown(a, b, c arrival) bool {
	return float64(b.bytes-a.bytes)*float64(c.at-b.at) > float64(c.bytes-b.bytes)*float64(b.at-a.at)
}
