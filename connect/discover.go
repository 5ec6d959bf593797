package connect

import "context"

// Discoverer is a Source whose splits may become more while it is read, and never
// fewer.
type Discoverer interface {
	// Discover waits until there is a split that is not known, or until ctx ends.
	Discover(ctx context.Context, known []SplitID) error
	// OpenFound starts to read a split that came after an epoch had been
	// committed without it: from its first row, wherever the others began.
	OpenFound(ctx context.Context, split SplitID) (Reader, error)
}
