package dialect

import (
	"fmt"
	"strconv"

	"tidemark/sql"
)

// relationText prints a relation, first asking the dialect.
func (p *printer) relationText(r sql.Relation) {
	if p.relation(p, r) {
		return
	}
	switch r := r.(type) {
	case *sql.TableRef:
		p.path(r.Path)
		p.hints(r.Hints)
		if r.SystemTime != nil {
			p.write(" FOR SYSTEM_TIME AS OF ")
			p.operand(r.SystemTime, sql.AddPrecedence)
		}
		p.alias(r.Alias)
	case *sql.Derived:
		p.write(when(r.Lateral, "LATERAL "))
		p.parenthesised(r.Query)
		p.alias(r.Alias)
	case *sql.TableFunction:
		p.write(when(r.Lateral, "LATERAL "), "TABLE(")
		p.expression(r.Call)
		p.write(")")
		p.hints(r.Hints)
		p.alias(r.Alias)
	case *sql.Unnest:
		p.write("UNNEST(")
		p.expressions(r.Exprs)
		p.write(")", when(r.Ordinality, " WITH ORDINALITY"))
		p.alias(r.Alias)
	case *sql.Join:
		p.join(r)
	case *sql.Aliased:
		p.relationInParentheses(r.Relation)
		p.alias(r.Alias)
	case *sql.MatchRecognize:
		p.matchRecognize(r)
	default:
		panic(fmt.Sprintf("dialect: relation %T is not printed", r))
	}
}

func (p *printer) relationInParentheses(r sql.Relation) {
	p.write("(")
	p.indented(func() {
		p.line()
		p.relationText(r)
	})
	p.line()
	p.write(")")
}

func (p *printer) alias(a *sql.Alias) {
	if a == nil {
		return
	}
	p.write(" AS ", p.name(a.Name))
	if len(a.Columns) > 0 {
		p.write(" (")
		p.names(a.Columns)
		p.write(")")
	}
}

func (p *printer) join(j *sql.Join) {
	if left, ok := j.Left.(*sql.Join); ok && left.Kind == sql.CommaJoin && j.Kind != sql.CommaJoin {
		p.relationInParentheses(left)
	} else {
		p.relationText(j.Left)
	}
	if j.Kind == sql.CommaJoin {
		p.write(",")
	}
	p.line()
	p.remarks(j.Remarks)
	if j.Kind != sql.CommaJoin {
		p.write(when(j.Natural, "NATURAL "), string(j.Kind), " ")
	}
	if right, ok := j.Right.(*sql.Join); ok && (j.Kind != sql.CommaJoin || right.Kind == sql.CommaJoin) {
		p.relationInParentheses(right)
	} else {
		p.relationText(j.Right)
	}
	switch {
	case j.On != nil:
		p.write(" ON")
		p.condition(j.On)
	case len(j.Using) > 0:
		p.write(" USING (")
		p.names(j.Using)
		p.write(")")
	}
}

func (p *printer) matchRecognize(m *sql.MatchRecognize) {
	if _, ok := m.Input.(*sql.Join); ok {
		p.relationInParentheses(m.Input)
	} else {
		p.relationText(m.Input)
	}
	p.line()
	p.write("MATCH_RECOGNIZE (")
	p.indented(func() { p.matchClauses(m) })
	p.line()
	p.write(")")
	p.alias(m.Alias)
}

func (p *printer) matchClauses(m *sql.MatchRecognize) {
	if len(m.PartitionBy) > 0 {
		p.line()
		p.write("PARTITION BY ")
		p.expressions(m.PartitionBy)
	}
	if len(m.OrderBy) > 0 {
		p.line()
		p.write("ORDER BY ")
		p.orderItems(m.OrderBy)
	}
	if len(m.Measures) > 0 {
		p.line()
		p.write("MEASURES")
		p.items(len(m.Measures), nil, func(i int) {
			p.expression(m.Measures[i].Expr)
			p.write(" AS ", p.name(m.Measures[i].Alias))
		})
	}
	if m.Rows != sql.RowsDefault {
		p.line()
		p.write(string(m.Rows))
	}
	if m.AfterMatch.Kind != sql.SkipDefault {
		p.line()
		p.write("AFTER MATCH SKIP ")
		switch m.AfterMatch.Kind {
		case sql.SkipToNextRow:
			p.write("TO NEXT ROW")
		case sql.SkipPastLastRow:
			p.write("PAST LAST ROW")
		case sql.SkipToFirst:
			p.write("TO FIRST ", p.name(m.AfterMatch.Variable))
		case sql.SkipToLast:
			p.write("TO LAST ", p.name(m.AfterMatch.Variable))
		}
	}
	p.line()
	p.write("PATTERN (")
	p.pattern(m.Pattern)
	p.write(")")
	if m.Within != nil {
		p.write(" WITHIN ")
		p.expression(m.Within)
	}
	if len(m.Subsets) > 0 {
		p.line()
		p.write("SUBSET")
		p.items(len(m.Subsets), nil, func(i int) {
			p.write(p.name(m.Subsets[i].Name), " = (")
			p.names(m.Subsets[i].Variables)
			p.write(")")
		})
	}
	if len(m.Define) > 0 {
		p.line()
		p.write("DEFINE")
		p.items(len(m.Define), nil, func(i int) {
			p.write(p.name(m.Define[i].Variable), " AS ")
			p.expression(m.Define[i].Condition)
		})
	}
}

func (p *printer) pattern(pattern sql.Pattern) {
	switch n := pattern.(type) {
	case *sql.PatternVariable:
		p.write(p.name(n.Name))
	case *sql.PatternConcat:
		for i, part := range n.Parts {
			p.write(when(i > 0, " "))
			switch part.(type) {
			case *sql.PatternConcat, *sql.PatternAlternation:
				p.patternInParentheses(part)
			default:
				p.pattern(part)
			}
		}
	case *sql.PatternAlternation:
		for i, part := range n.Alternatives {
			p.write(when(i > 0, " | "))
			if _, ok := part.(*sql.PatternAlternation); ok {
				p.patternInParentheses(part)
			} else {
				p.pattern(part)
			}
		}
	case *sql.PatternQuantified:
		switch n.Pattern.(type) {
		case *sql.PatternConcat, *sql.PatternAlternation, *sql.PatternQuantified:
			p.patternInParentheses(n.Pattern)
		default:
			p.pattern(n.Pattern)
		}
		p.write(quantifier(n), when(n.Reluctant, "?"))
	case *sql.PatternPermute:
		p.write("PERMUTE(")
		p.commas(len(n.Parts), func(i int) { p.pattern(n.Parts[i]) })
		p.write(")")
	case *sql.PatternExclusion:
		p.write("{- ")
		p.pattern(n.Pattern)
		p.write(" -}")
	case *sql.PatternAnchor:
		p.write(when(n.Last, "$"), when(!n.Last, "^"))
	case *sql.PatternEmpty:
		p.write("()")
	default:
		panic(fmt.Sprintf("dialect: pattern %T is not printed", n))
	}
}

func (p *printer) patternInParentheses(pattern sql.Pattern) {
	p.write("(")
	p.pattern(pattern)
	p.write(")")
}

func quantifier(q *sql.PatternQuantified) string {
	switch {
	case q.Min == 0 && q.Max == sql.Unbounded:
		return "*"
	case q.Min == 1 && q.Max == sql.Unbounded:
		return "+"
	case q.Min == 0 && q.Max == 1:
		return "?"
	case q.Max == sql.Unbounded:
		return "{" + strconv.Itoa(q.Min) + ",}"
	case q.Min == q.Max:
		return "{" + strconv.Itoa(q.Min) + "}"
	}
	return "{" + strconv.Itoa(q.Min) + "," + strconv.Itoa(q.Max) + "}"
}
