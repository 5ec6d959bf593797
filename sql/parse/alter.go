package parse

import (
	"tidemark/base/problem"
	"tidemark/sql"
)

func (p *parser) alter() sql.Statement {
	p.expect("ALTER")
	what := p.token()
	switch {
	case p.accept("MATERIALIZED", "TABLE"):
		return p.alterMaterializedTable()
	case p.accept("TABLE"):
		s := &sql.AlterTable{IfExists: p.ifExists(), Name: p.path("the name of a table")}
		s.Action = p.alterAction()
		return s
	case p.accept("VIEW"):
		s := &sql.AlterTable{View: true, IfExists: p.ifExists(), Name: p.path("the name of a view")}
		s.Action = p.alterView()
		return s
	case p.atAny("FUNCTION", "DATABASE", "CATALOG", "MODEL"):
		p.unsupported(what, "drop it and create it anew", "ALTER %s is not supported", what.upper)
	}
	p.fail("TABLE, VIEW or MATERIALIZED TABLE")
	return nil
}

func (p *parser) alterMaterializedTable() sql.Statement {
	s := &sql.AlterMaterializedTable{Name: p.path("the name of a materialized table")}
	switch {
	case p.accept("SUSPEND"):
		s.Action = sql.Suspend
	case p.accept("RESUME"):
		s.Action = sql.Resume
		s.With, _ = p.with()
	case p.accept("REFRESH"):
		s.Action = sql.Refresh
		if p.at("PARTITION") {
			s.Partition = p.partition()
		}
	case p.accept("AS"):
		s.Action = sql.Redefine
		s.Query = p.query()
	default:
		p.failHint("SUSPEND, RESUME, REFRESH or AS", "such as ALTER MATERIALIZED TABLE t REFRESH")
	}
	return s
}

func (p *parser) alterView() sql.AlterAction {
	start := p.token()
	switch {
	case p.accept("RENAME", "TO"):
		to := p.path("the new name")
		return &sql.RenameTable{Span: p.spanFrom(start), To: to}
	case p.accept("AS"):
		query := p.query()
		return &sql.RedefineView{Span: p.spanFrom(start), Query: query}
	}
	p.fail("RENAME TO or AS")
	return nil
}

func (p *parser) alterAction() sql.AlterAction {
	start := p.token()
	switch {
	case p.accept("RENAME", "TO"):
		to := p.path("the new name")
		return &sql.RenameTable{Span: p.spanFrom(start), To: to}
	case p.accept("RENAME"):
		a := &sql.RenameColumn{Column: p.path("a column")}
		p.expect("TO")
		a.To = p.name("the new name")
		a.Span = p.spanFrom(start)
		return a
	case p.accept("SET"):
		options := p.options()
		return &sql.SetOptions{Span: p.spanFrom(start), Options: options}
	case p.accept("RESET"):
		open := p.open()
		keys := list(p, func() sql.StringValue { return *p.stringValue("an option's name in single quotes") })
		p.close(open, "a comma")
		return &sql.ResetOptions{Span: p.spanFrom(start), Keys: keys}
	case p.accept("ADD"):
		if p.at("PARTITION") || p.at("IF", "NOT", "EXISTS", "PARTITION") {
			a := &sql.ChangePartition{IfExists: p.ifNotExists()}
			for p.at("PARTITION") {
				a.Partitions = append(a.Partitions, p.partition())
			}
			a.Span = p.spanFrom(start)
			return a
		}
		return p.changeElements(start, false)
	case p.accept("MODIFY"):
		return p.changeElements(start, true)
	case p.accept("DROP"):
		return p.dropElements(start)
	}
	p.failHint("ADD, MODIFY, DROP, RENAME, SET or RESET", "such as ALTER TABLE t ADD c BIGINT")
	return nil
}

func (p *parser) changeElements(start token, modify bool) sql.AlterAction {
	a := &sql.ChangeElements{Modify: modify}
	if p.at("DISTRIBUTION") {
		p.unsupported(p.token(), "create the table anew", "changing the distribution of a table is not supported")
	}
	if open := p.token(); p.acceptSymbol("(") {
		a.Elements = remarkedList(p, func() (*sql.PlacedElement, *sql.Comments) {
			e := p.placedElement()
			return e, e.Element.Remarks()
		})
		p.close(open, "a comma")
	} else {
		p.accept("COLUMN")
		a.Elements = []*sql.PlacedElement{p.placedElement()}
	}
	a.Span = p.spanFrom(start)
	return a
}

func (p *parser) placedElement() *sql.PlacedElement {
	start := p.token()
	e := &sql.PlacedElement{Element: p.element()}
	if p.accept("FIRST") {
		e.First = true
	} else if p.accept("AFTER") {
		after := p.name("a column")
		e.After = &after
	}
	e.Span = p.spanFrom(start)
	return e
}

func (p *parser) dropElements(start token) sql.AlterAction {
	if p.at("PARTITION") || p.at("IF", "EXISTS", "PARTITION") {
		a := &sql.ChangePartition{Drop: true, IfExists: p.ifExists()}
		a.Partitions = list(p, p.partition)
		a.Span = p.spanFrom(start)
		return a
	}
	a := &sql.DropElements{}
	switch {
	case p.accept("PRIMARY", "KEY"):
		a.What = "PRIMARY KEY"
	case p.accept("CONSTRAINT"):
		a.What = "CONSTRAINT"
		a.Columns = []sql.Path{{p.name("the constraint's name")}}
	case p.accept("WATERMARK"):
		a.What = "WATERMARK"
	case p.at("DISTRIBUTION") && p.ahead(1).kind != word:
		p.next()
		a.What = "DISTRIBUTION"
	case p.atSymbol("("):
		open := p.open()
		a.Columns = list(p, func() sql.Path { return p.path("a column") })
		p.close(open, "a comma")
	default:
		p.accept("COLUMN")
		if p.atEnd() {
			panic(problem.New(problem.Syntax, "expected what to drop, found %s", p.token().describe()).At(p.token().at).
				WithHint("such as ALTER TABLE t DROP column, or DROP PRIMARY KEY"))
		}
		a.Columns = []sql.Path{p.path("a column")}
	}
	a.Span = p.spanFrom(start)
	return a
}
