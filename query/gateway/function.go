package gateway

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/store/olap"
)

// Inlined gives the body of an SQL function.
func (p *printing) Inlined(call *sql.Call) (inlined dialect.Inlined, ok bool) {
	f, ok := p.bound.Inlined[call]
	if !ok || f.Body == nil {
		return inlined, false
	}
	inlined = dialect.Inlined{Body: f.Body, Returns: f.Returns}
	for _, parameter := range f.Parameters {
		inlined.Parameters = append(inlined.Parameters, value.Field{Name: parameter.Name, Type: parameter.Type})
	}
	return inlined, true
}

// Zone is that of whoever asks.
func (p *printing) Zone() *time.Location { return p.session.Zone }

// parameter matches an argument in the templates of the function table.
var parameter = regexp.MustCompile(`\$(\d+\*?|\*)`)

// Function is the spelling in the function table, if it has a place for each of
// the arguments.
func (p *printing) Function(call *sql.Call) (string, bool) {
	f, ok := p.bound.Calls[call]
	if !ok || f.DuckDB == "" || call.JSON != nil {
		return "", false
	}
	missing := map[string]bool{}
	for i := range call.Args {
		missing[strconv.Itoa(i+1)] = true
	}
	for _, match := range parameter.FindAllStringSubmatch(f.DuckDB, -1) {
		switch place := match[1]; {
		case place == "*":
			clear(missing)
		case strings.HasSuffix(place, "*"):
			from, _ := strconv.Atoi(strings.TrimSuffix(place, "*"))
			for i := from; i <= len(call.Args); i++ {
				delete(missing, strconv.Itoa(i))
			}
		default:
			if n, _ := strconv.Atoi(place); n > len(call.Args) {
				return "", false
			}
			delete(missing, place)
		}
	}
	return parameter.ReplaceAllString(f.DuckDB, "{$1}"), len(missing) == 0
}

// kernel is a function of ours with its constants.
type kernel struct {
	function  *plan.Function
	signature string
	constants []string // of each argument; "" for one that DuckDB passes
}

func (k kernel) equal(other kernel) bool {
	return k.function == other.function && k.signature == other.signature && slices.Equal(k.constants, other.constants)
}

// Kernel has DuckDB call the code that jobs run. Constants stay on our side,
// since what a function is may depend on them; so do keywords and clauses.
func (p *printing) Kernel(call *sql.Call) (dialect.Kernel, bool) {
	applied, ok := p.bound.Applied[call]
	if !ok || applied.Overload.Eval == nil {
		return dialect.Kernel{}, false
	}
	ours := kernel{function: applied.Function, constants: make([]string, len(applied.Args))}
	printed := dialect.Kernel{Number: len(p.functions)}
	function := olap.Function{Result: applied.Overload.Result.Optional(), Volatile: applied.Function.Volatile}
	var types []string
	for i, arg := range applied.Args {
		if constant, is := arg.(*plan.Literal); is {
			ours.constants[i] = constant.Value.Type.String() + " " + plan.PrintValue(constant.Value)
			continue
		}
		if i >= len(call.Args) {
			return dialect.Kernel{}, false // the default in a clause of a JSON function
		}
		t := applied.Overload.Params[i].Optional()
		types = append(types, t.String())
		function.Params = append(function.Params, t)
		printed.Arguments = append(printed.Arguments, dialect.KernelArgument{Index: i, Type: t})
	}
	function.Signature = applied.Function.Name + "(" + strings.Join(types, ", ") + ") → " + function.Result.String()
	if function.Volatile {
		function.Signature += " volatile"
	}
	if function.Check() != nil {
		return dialect.Kernel{}, false
	}
	printed.Name, ours.signature = function.Signature, function.Signature
	// Equal calls have equal texts, or DuckDB would not see that what is selected
	// is what is grouped by.
	if at := slices.IndexFunc(p.kernels, ours.equal); at >= 0 && !function.Volatile {
		printed.Number = at
		return printed, true
	}
	function.Eval = p.eval(applied)
	p.functions, p.kernels = append(p.functions, function), append(p.kernels, ours)
	return printed, true
}

// eval runs the kernel of a call as the engine does: constants are columns, too,
// and strict functions do not see NULL.
func (p *printing) eval(call *plan.Call) func([]*batch.Column, *batch.Column) error {
	world := plan.Context{Zone: p.session.Zone, Now: p.session.Now, Start: p.session.Now}
	if world.Zone == nil {
		world.Zone = time.UTC
	}
	return func(passed []*batch.Column, out *batch.Column) error {
		args := make([]*batch.Column, len(call.Args))
		for i, arg := range call.Args {
			if constant, is := arg.(*plan.Literal); is {
				args[i] = repeated(constant.Value, call.Overload.Params[i], out.Len())
			} else {
				args[i], passed = passed[0], passed[1:]
			}
			if !call.Overload.Strict {
				continue
			}
			for row := range out.Len() {
				if args[i].IsNull(row) {
					out.SetNull(row)
				}
			}
		}
		context := world
		return call.Overload.Eval(&context, args, out)
	}
}

// repeated is a column of n times the same value.
func repeated(v value.Value, t value.Type, n int) *batch.Column {
	c := batch.NewColumn(t, n)
	for range n {
		if v.Null {
			c.AppendNull()
		} else {
			c.AppendValue(v)
		}
	}
	return c
}
