package plan

import (
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// Function is one row of the function table in plan/function: everything that
// is known about a function or operator, in one place.
type Function struct {
	Name       string   // as Flink's documentation writes it, or the operator: "UPPER", "+"
	Aliases    []string // other names for the same thing
	Category   string   // "string", "time", "json", "aggregate", …
	Signatures []string // for people: "UPPER(string STRING) → STRING"
	Doc        string   // one sentence
	Aggregate  bool
	Volatile   bool // two calls with the same arguments may differ (NOW, UUID): never folded

	// Resolve picks the overload for the given arguments: the types they are to
	// be cast to, the result type, and the code. It returns a problem (without
	// position, the binder adds it) when the arguments do not fit.
	Resolve func(args []Argument) (*Overload, error)

	// DuckDB and Flink are templates that spell a call in these dialects, with
	// $1, $2 … for arguments, $* for all of them and $2* for all from the second
	// on, in commas: "upper($1)". "" means the dialect cannot say it.
	DuckDB, Flink string
}

// Argument is what Resolve may know of one argument.
type Argument struct {
	Type    value.Type
	Literal *value.Value // nil unless the argument is a constant
	At      problem.Position
}

// Overload is a function with its types settled.
type Overload struct {
	Params []value.Type // one per argument
	Result value.Type

	// Strict functions give NULL when any argument is NULL. The caller has then
	// set those rows of out to NULL before Eval, which leaves them alone.
	Strict bool

	// Eval computes a scalar function; nil for aggregates.
	Eval Kernel

	// New makes the states of an aggregate function; nil for scalar functions.
	New func(*Context) Accumulator
}

// Kernel computes one function for all rows of a batch. Arguments are columns
// of out.Len() rows; out has the result type, its rows are zero, and rows that
// are NULL already are to be left alone (their argument entries are garbage).
// A kernel never writes to its arguments and never keeps them; out may share
// the heap of an argument (assign out.Heap before the first SetBytes).
// An error is a problem about the first row that fails.
type Kernel func(ctx *Context, args []*batch.Column, out *batch.Column) error

// Context is what kernels may know of the world. It is not shared between
// goroutines.
type Context struct {
	Zone      *time.Location // the session's time zone, 'table.local-time-zone'
	Now       time.Time      // current time: of the query in batch mode, of the batch in streaming mode
	Start     time.Time      // when the statement began
	Streaming bool
	Retracts  bool    // for aggregates: rows may be taken back
	Marks     []int64 // watermark before each row of the batch, ms; nil when unknown
}

// Accumulator is one aggregate function's states for many groups, which are
// numbered densely from 0. It is used by one goroutine.
type Accumulator interface {
	// Resize makes room for groups 0 to n-1; new ones are empty.
	Resize(n int)
	// Update takes row i of args into group groups[i], or takes it back where
	// retract[i]; retract is nil when nothing is taken back. Rows are those that
	// passed FILTER. NULL arguments arrive too.
	Update(groups []uint32, args []*batch.Column, retract []bool)
	// Merge adds the state of group from[i] of other, an Accumulator of the same
	// function, to group into[i].
	Merge(into []uint32, other Accumulator, from []uint32)
	// Result writes the value of group groups[i] to row i of out, which has
	// len(groups) rows.
	Result(groups []uint32, out *batch.Column)
	// Encode appends a group's state in a stable binary form; Decode replaces a
	// group's state by what Encode wrote and returns the rest of the bytes.
	Encode(group uint32, to []byte) []byte
	Decode(group uint32, from []byte) (rest []byte, err error)
	// Clear empties a group so that its number can be used again.
	Clear(group uint32)
	// Held is about how many bytes of memory the states take. It is asked once a
	// batch, and so does not walk over the groups.
	Held() int64
}
