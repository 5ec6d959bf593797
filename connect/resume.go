package connect

import "context"

// Resumer is a Sink whose outside may have forgotten which epoch it has, or may
// have been taken over by somebody who is further.
type Resumer interface {
	// Resume tells, before Committed is asked, the newest epoch that the job has
	// stored, 0 for none. It refuses when the two cannot belong together; nothing
	// outside has been changed then.
	Resume(ctx context.Context, newest Epoch) error
}
