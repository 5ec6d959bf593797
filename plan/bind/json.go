package bind

import (
	"tidemark/plan"
	"tidemark/sql"
)

// jsonArguments appends the clauses of a JSON function to its arguments.
func (b *binder) jsonArguments(c *sql.Call, args []plan.Expr, s *scope) []plan.Expr {
	b.unsupported(c.JSON.Pos(), "this clause of "+c.Function(), "")
	return nil
}
