package olap

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// functionsMax is how many functions DuckDB is told of: it never forgets one.
const functionsMax = 4096

// Function is a scalar function that a question brings along. In the question's
// text it is called with its number among the question's functions before its
// arguments.
type Function struct {
	Signature string // its name in the text: equal ones have the same Params, Result and Volatile
	Params    []value.Type
	Result    value.Type
	Volatile  bool // may differ from row to row for the same arguments

	// Eval computes the function for the rows of out, which are zero. It is
	// called by several goroutines. Columns are only lent.
	Eval func(args []*batch.Column, out *batch.Column) error
}

// Check reports types that cannot be passed.
func (f Function) Check() error {
	_, err := shapeOf(f)
	return err
}

// functions are those that DuckDB was told of, by signature. DuckDB knows only
// their types: which code runs is up to the question that calls.
type functions struct {
	sync.Mutex
	known map[string]bool
}

// tell makes the functions of a question known to DuckDB.
func (f *functions) tell(conn *sql.Conn, wanted []Function) error {
	f.Lock() // held while DuckDB registers: what another question needs may be the same
	defer f.Unlock()
	for _, w := range wanted {
		if f.known[w.Signature] {
			continue
		}
		if len(f.known) >= functionsMax {
			return problem.New(problem.Unsupported, "%d functions are known to DuckDB already", functionsMax)
		}
		shape, err := shapeOf(w)
		if err != nil {
			return err
		}
		if err := duckdb.RegisterScalarUDF(conn, w.Signature, shape); err != nil {
			return err
		}
		f.known[w.Signature] = true
	}
	return nil
}

// shape is a function as DuckDB sees it.
type shape struct {
	config  duckdb.ScalarFuncConfig
	params  []value.Type
	result  value.Type
	convert toDriver // of results
}

func shapeOf(f Function) (*shape, error) {
	number, err := duckdb.NewTypeInfo(duckdb.TYPE_INTEGER)
	if err != nil {
		return nil, err
	}
	s := &shape{params: f.Params, result: f.Result, convert: conversionTo(f.Result)}
	s.config = duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{number}, Volatile: f.Volatile, SpecialNullHandling: true}
	for _, t := range f.Params {
		param, err := typeInfo(t)
		if err != nil {
			return nil, err
		}
		s.config.InputTypeInfos = append(s.config.InputTypeInfos, param)
	}
	s.config.ResultTypeInfo, err = typeInfo(f.Result)
	return s, err
}

// Config gives the types.
func (s *shape) Config() duckdb.ScalarFuncConfig { return s.config }

// Executor gives the code. The binder hands the question's context on to where
// rows are computed, which is in goroutines of DuckDB.
func (s *shape) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{
		ChunkContextExecutor: s.execute,
		ScalarBinder: func(ctx context.Context, _ []duckdb.ScalarUDFArg) (context.Context, error) {
			return ctx, nil
		},
	}
}

// calls are the functions of a running question, in the context that it is asked
// with.
type calls struct {
	functions []Function
	mu        struct {
		sync.Mutex
		fault error // the first that a function gave: DuckDB keeps no more than its text
	}
}

type callsKey struct{}

func (c *calls) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.fault == nil {
		c.mu.fault = err
	}
	return err
}

func (c *calls) fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.fault
}

// execute computes a chunk of rows. The driver hands out arguments row by row and
// takes results the same way, so it is gone through twice.
func (s *shape) execute(ctx context.Context, chunk *duckdb.ChunkIteratorState) error {
	question, ok := ctx.Value(callsKey{}).(*calls)
	if !ok {
		return errors.New("a function was called outside of its question")
	}
	args := make([]*batch.Column, len(s.params))
	for i, t := range s.params {
		args[i] = batch.NewColumn(t, 0)
	}
	rows, number := 0, 0
	for row, err := range chunk.Rows() {
		if err != nil {
			return question.fail(err)
		}
		n, _ := integer(*row.GetValuePtr(0))
		number = int(n)
		for i, c := range args {
			c.Resize(rows + 1)
			if err := setFromDriver(c, rows, *row.GetValuePtr(i + 1)); err != nil {
				return question.fail(err)
			}
		}
		rows++
	}
	if number < 0 || number >= len(question.functions) {
		return question.fail(errors.New("a question has no function of this number"))
	}
	out := batch.NewColumn(s.result, rows)
	out.Resize(rows)
	if err := question.functions[number].Eval(args, out); err != nil {
		return question.fail(err)
	}
	i := 0
	for row, err := range chunk.Rows() {
		if err != nil {
			return question.fail(err)
		}
		var v driver.Value
		if !out.IsNull(i) {
			if v, err = s.convert(out, i); err != nil {
				return question.fail(err)
			}
		}
		if err := row.SetResult(v); err != nil {
			return question.fail(err)
		}
		i++
	}
	return nil
}
