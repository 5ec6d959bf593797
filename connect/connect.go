// Package connect is the contract between the engine and everything rows come
// from or go to: sources, sinks, their options, and positions to resume from.
//
// It knows no connector. Each child package fulfils it for one kind of system;
// the list of them is put together in the command.
//
// Flow of a source: Connector.Source checks the options → Splits → one Reader
// per split, opened at the offset of the last committed epoch → Read until
// io.EOF (bounded) or for ever.
// Flow of a sink: Connector.Sink → Committed tells which epoch the outside
// already has → Apply for each later epoch, in order.
//
// Invariants:
//  1. Reading a split again from an Offset gives the same rows in the same
//     order; batch borders may differ.
//  2. Apply is atomic and idempotent: after it returned nil, Committed is the
//     epoch, and applying it again changes nothing.
//  3. A Reader and a Sink are used by one goroutine at a time. Close may be
//     called while another call is under way and makes it return.
package connect

import (
	"context"
	"slices"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
)

// Epoch numbers what a job commits atomically, from 1; 0 means nothing yet.
type Epoch uint64

// SplitID names a part of a source that is read in order, such as a partition
// or a file. It stays the same over restarts.
type SplitID string

// Offset is a position in a split, in the source's own encoding. It is stored
// with the epoch; nil is the beginning.
type Offset []byte

// Source gives rows. Implementations are safe for use by several goroutines.
type Source interface {
	// Splits lists the parts there are now, in a stable order.
	Splits(ctx context.Context) ([]SplitID, error)
	// Open starts to read a split at the offset.
	Open(ctx context.Context, split SplitID, from Offset) (Reader, error)
	// Bounded reports whether every split ends.
	Bounded() bool
}

// Reader reads one split.
type Reader interface {
	// Read returns the next rows, at most batch.MaxRows, as columns of the
	// request's Columns; the caller owns the batch, and returns its Lease, if it has
	// one, when nothing of it is used any more, or never. It waits for rows until ctx
	// ends, and returns io.EOF at the end of a bounded split. A batch of no rows
	// says that only Offset or Watermark moved.
	Read(ctx context.Context) (*batch.Batch, error)
	// Offset is the position behind the last batch that Read returned.
	Offset() Offset
	// Watermark is the event time, in ms, that the source itself vouches for
	// behind the last batch; batch.NoMark when it knows nothing and the table's
	// WATERMARK clause decides.
	Watermark() int64
	// Close releases what Open took.
	Close() error
}

// Lagger is a Reader that knows how much is waiting for it.
type Lagger interface {
	// Lag is how many rows and how much time lie between the reader and the
	// newest row; negative where unknown. Any goroutine may call it.
	Lag() (rows int64, age time.Duration)
}

// Commit is one epoch's output for a sink.
type Commit struct {
	Epoch     Epoch
	Origin    Origin
	Watermark int64          // event time that the output is complete up to, ms
	Batches   []*batch.Batch // in order; the sink must not keep anything of them after Apply
}

// Sink takes rows, epoch by epoch.
type Sink interface {
	// Committed is the last epoch applied, as the outside remembers it.
	Committed(ctx context.Context) (Epoch, error)
	// Apply makes the commit visible, all or nothing.
	Apply(ctx context.Context, commit Commit) error
	// Close releases the sink.
	Close() error
}

// Request is what a connector is asked to make a source or sink for.
type Request struct {
	Table      string
	Columns    []Column    // what is read or written, in this order; for sources only those the plan needs
	Schema     []Column    // all physical columns as declared: formats without names count positions in it; nil means Columns
	Partitions []string    // names of the columns of PARTITIONED BY
	PrimaryKey []int       // positions in Columns
	Keys       []string    // names of all columns of the PRIMARY KEY, also of those that are not in Columns
	Conditions []Condition // for sources: all of them hold for every row that counts
	Options    map[string]string
	Zone       *time.Location
	FS         vfs.FS
	Job        string       // name of the job that asks, for consumer names and labels
	Stdout     func([]byte) // where the print connector prints
	Bounded    bool         // batch mode: read what is there now and end
	Gaps       GapLedger    // who is told of gaps in the input; nil for nobody
	// Upserts tells a sink that the last change of a primary key counts: its changes come
	// in order, and rows before updates may be missing.
	Upserts bool
}

// Column is a column of a Request.
type Column struct {
	Name     string
	Type     value.Type
	Metadata string // metadata key, "" for a physical column
}

// Connector makes sources and sinks of one kind. Source, Sink or Ask is nil where
// the kind has none.
type Connector struct {
	Name    string   // value of the 'connector' option
	Doc     string   // one sentence
	Options []Option // all it understands, beside 'connector' and the format's own
	Source  func(Request) (Source, error)
	Sink    func(Request) (Sink, error)
	// Updates is what the sink of a request has to be told of updates; nil for UpdatesWhole.
	Updates func(Request) Updates
	// Ask makes what finds rows by the key columns, positions in Columns.
	Ask func(r Request, keys []int) (Asker, error)
}

// Option is one setting of a connector or format.
type Option struct {
	Name     string
	Doc      string
	Default  string // "" for none
	Required bool
	Values   []string // allowed values; nil for any
	Prefix   bool     // any key that starts with Name is an option
}

// Check refuses options that the connector and the named format do not know or
// whose value is not allowed, and missing required ones. It does not read values
// of other kinds; the connector does.
func (c Connector) Check(options map[string]string, format []Option) error {
	known := append(append([]Option{{Name: "connector"}}, c.Options...), format...)
	for key, val := range options {
		opt, ok := find(known, key)
		if !ok {
			names := make([]string, len(known))
			for i, o := range known {
				names[i] = o.Name
			}
			p := problem.New(problem.UnknownOption, "connector %q has no option %q", c.Name, key).About(key)
			if near := problem.Nearest(key, names); near != "" {
				p.WithHint("did you mean %q?", near)
			}
			return p
		}
		if opt.Values != nil && !slices.Contains(opt.Values, val) {
			return problem.New(problem.InvalidOption, "option %q cannot be %q", key, val).About(key).WithHint("allowed: %v", opt.Values)
		}
	}
	for _, o := range known {
		if _, given := options[o.Name]; o.Required && !given {
			return problem.New(problem.InvalidOption, "connector %q needs the option %q", c.Name, o.Name).About(o.Name).WithHint("%s", o.Doc)
		}
	}
	return nil
}

func find(options []Option, key string) (Option, bool) {
	for _, o := range options {
		if o.Name == key || o.Prefix && len(key) > len(o.Name) && key[:len(o.Name)] == o.Name {
			return o, true
		}
	}
	return Option{}, false
}
