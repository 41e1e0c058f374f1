// Package scheduler decides which tasks run and after which layer each network is cut.
//
//	Instance ──Planner.Plan──▶ Schedule ──Check──▶ []Violation
//	    │                          ▲
//	    │      ReadSchedule ───────┘  (a schedule made elsewhere)
//	    │
//	    └─ Bandwidth makes its demands      Predict: the latencies a schedule should show
//
// An [Instance] is the problem of the paper (He, Ota, Dong, IEEE Network 2018): edge servers with
// compute c_i and uplink b_i, of which the fraction V may be assigned, and tasks with input at some
// edges. A task is deployed on every edge where it has input, with one cut for all of them, or not at
// all. What a cut asks of an edge is tabled in the instance, so that the planners need to know
// nothing of networks, frames or framing.
//
// Everything here is pure and deterministic: the same instance gives the same schedule, on any
// machine of the same architecture (others may round differently), and nothing is read but the arguments. All functions may be called concurrently.
package scheduler
