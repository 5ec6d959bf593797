package connect

import (
	"context"
	"crypto/rand"
)

// Mark is an epoch together with who made it. Jobs that run on copies of one
// state give their epochs the same numbers; marks tell them apart.
type Mark struct {
	Epoch  Epoch
	Origin Origin
}

// Origin is a random name that a job gives to an epoch of its own. The zero
// Origin is unknown.
type Origin [16]byte

// NewOrigin makes an Origin that nobody else has.
func NewOrigin() (o Origin) {
	_, _ = rand.Read(o[:]) // never fails
	return o
}

// Standing is what a job remembers of its epochs and of one of its sinks.
type Standing struct {
	Newest Mark // the newest epoch that the job has stored; zero for none
	Before Mark // what the sink had written down outside before Newest
}

// Fits reports whether what is written down outside is this job's own: Newest, or
// Before when Newest did not get there or had nothing for the sink. Without an
// origin, on either side, only the numbers can be compared.
func (s Standing) Fits(outside Mark) bool {
	if s.Newest == (Mark{}) {
		return true // a new job goes on behind what it finds
	}
	if outside.Origin == (Origin{}) || s.Newest.Origin == (Origin{}) {
		return outside.Epoch <= s.Newest.Epoch
	}
	return outside == s.Newest || outside == s.Before
}

// Resumer is a Sink whose outside may have forgotten which epoch it has, or may
// have been taken over by somebody else.
type Resumer interface {
	// Resume tells, before Committed is asked, where the job stands. It refuses when
	// the two cannot belong together; nothing outside has been changed then.
	Resume(ctx context.Context, standing Standing) error
	// Mark is what the sink has written down outside last, which stays the same
	// in an epoch without rows. It is zero before Committed was asked, and for a
	// sink that writes nothing down.
	Mark() Mark
}
