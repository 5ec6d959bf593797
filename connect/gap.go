package connect

import "time"

// Gap is a part of the input of a job of which it was not certain whether all of
// it was read: a source lost one of its sites and went on with another.
type Gap struct {
	ID     string `json:"id"`
	Table  string `json:"table"`  // the source's
	Job    string `json:"job"`    // that reads it
	Reason string `json:"reason"` // why the site was left
	Lost   string `json:"lost"`   // the site that was left
	Taken  string `json:"taken"`  // the one that is read since
	From   int64  `json:"from"`   // event time, ms
	Until  int64  `json:"until"`  // the same, not included; batch.Final while the lost site is away

	State  GapState  `json:"state"`
	Opened time.Time `json:"opened"`
	Closed time.Time `json:"closed"` // zero before
	// Differs says in words what keeps the gap from closing.
	Differs string `json:"differs"`

	// What was found in the interval when both sites were read last: distinct
	// events at each site, at both together, and of those that became rows.
	Sites  [2]SiteDigest `json:"sites"`
	Union  Digest        `json:"union"`
	Read   Digest        `json:"read"`
	Shared int64         `json:"shared"` // events that both sites have

	Missing  int64         `json:"missing"`  // events that the replay would add now
	Replayed int64         `json:"replayed"` // events that it has added
	Late     int64         `json:"late"`     // of those, after watermarks had gone on
	Dropped  int64         `json:"dropped"`  // copies of events that were rows already
	Splits   []GapPosition `json:"splits"`
}

// SiteDigest is what a site has of an interval.
type SiteDigest struct {
	Site   string `json:"site"`
	Digest Digest `json:"digest"`
}

// GapPosition is where the reading of a split went from one site to the other.
type GapPosition struct {
	Split SplitID `json:"split"`
	Lost  string  `json:"lost"`  // the first position that was not read at the lost site
	Taken string  `json:"taken"` // where reading began at the other
}

// GapState is how far the closing of a gap is.
//
//sumtype:decl
type GapState string

// The states of a gap, in their order.
const (
	GapOpen      GapState = "open"      // the lost site is away
	GapComparing GapState = "comparing" // it is back, and both are read
	GapProposed  GapState = "proposed"  // a replay would close it, and waits for somebody to say so
	GapReplaying GapState = "replaying" // what was missing becomes rows
	GapDiffering GapState = "differing" // the sites do not agree; they are looked at again
	GapClosed    GapState = "closed"    // sites and rows agree
)

// Digest identifies a set of events by their ids, whatever their order: two sets
// of equal digests are the same but for a chance of 2⁻⁶⁴ and less.
type Digest struct {
	Count int64  `json:"count"`
	Sum   uint64 `json:"sum"`
	Xor   uint64 `json:"xor"`
}

// Add puts an event with the hash of its id in.
func (d *Digest) Add(hash uint64) {
	d.Count++
	d.Sum += hash
	d.Xor ^= spread(hash)
}

// Plus is the digest of the events of two sets that have none in common.
func (d Digest) Plus(other Digest) Digest {
	return Digest{d.Count + other.Count, d.Sum + other.Sum, d.Xor ^ other.Xor}
}

// spread makes the exclusive or say something else than the sum.
func spread(hash uint64) uint64 {
	hash = (hash ^ hash>>31) * 0x9e3779b97f4a7c15
	return hash ^ hash>>29
}

// GapLedger keeps what sources say of gaps. Readers call it from any goroutine,
// and it does not make them wait for a disk.
type GapLedger interface {
	// Note replaces what is known of a gap. It tells of committed epochs only, and
	// the same again after a restart.
	Note(gap Gap)
	// Approved reports whether somebody wants the replay of a proposed gap to run.
	Approved(id string) bool
}

// Locator is a Source whose offsets can be told to people.
type Locator interface {
	// Locate says where an offset of a split is.
	Locate(offset Offset) string
}
