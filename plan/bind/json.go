package bind

import (
	"slices"

	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// jsonArguments appends the clauses of a JSON function to its arguments, as
// constants in the order that the function table asks for.
func (b *binder) jsonArguments(c *sql.Call, args []plan.Expr, s *scope) []plan.Expr {
	switch c.Function() {
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		return jsonConstructor(c, args, 1, 2)
	case "JSON_ARRAY", "JSON_ARRAYAGG":
		return jsonConstructor(c, args, 0, 1)
	}
	clauses := c.JSON
	if clauses == nil {
		return args
	}
	at := plan.At{Position: clauses.Pos()}
	add := func(v value.Value) { args = append(args, &plan.Literal{At: at, Value: v}) }
	if c.Function() == "JSON_EXISTS" {
		add(symbol(behaviorKind(clauses.OnError)))
		return args
	}
	returning := value.StringType
	if clauses.Returning != nil {
		returning = clauses.Returning.Type
	}
	add(value.NullOf(returning))
	if c.Function() == "JSON_QUERY" {
		add(symbol(clauses.Wrapper))
		add(symbol(behaviorKind(clauses.OnEmpty)))
		add(symbol(behaviorKind(clauses.OnError)))
		return args
	}
	for _, behavior := range []*sql.JSONBehavior{clauses.OnEmpty, clauses.OnError} {
		add(symbol(behaviorKind(behavior)))
		if behavior == nil || behavior.Default == nil {
			add(value.NullOf(value.NullType))
			continue
		}
		e := b.expr(behavior.Default, s)
		if e == nil {
			return nil
		}
		args = append(args, e)
	}
	return args
}

func behaviorKind(b *sql.JSONBehavior) string {
	if b == nil {
		return ""
	}
	return b.Kind
}

// jsonConstructor appends what JSON_OBJECT and JSON_ARRAY must know beyond
// their values: what becomes of NULLs, and which values are JSON themselves.
// Values stand at first, first + step, …
func jsonConstructor(c *sql.Call, args []plan.Expr, first, step int) []plan.Expr {
	onNull, at := "", plan.At{Position: c.Pos()}
	if c.JSON != nil {
		onNull, at.Position = c.JSON.OnNull, c.JSON.Pos()
	}
	var raw []bool // of each value
	some := false
	for i := first; i < len(c.Args); i += step {
		inner, ok := c.Args[i].(*sql.Call)
		is := ok && slices.Contains([]string{"JSON_OBJECT", "JSON_ARRAY", "JSON"}, inner.Function())
		raw, some = append(raw, is), some || is
	}
	if onNull == "" && !some {
		return args
	}
	return append(args, &plan.Literal{At: at, Value: symbol(function.JSONConstructor(onNull, raw))})
}
