package parse

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// statement reads one statement without its semicolon.
func (p *parser) statement() sql.Statement {
	defer p.enter()()
	start := p.token()
	s := p.statementBody()
	s.Place(p.spanFrom(start))
	return s
}

func (p *parser) statementBody() sql.Statement {
	t := p.token()
	if t.is("(") {
		return &sql.QueryStatement{Query: p.query()}
	}
	if t.kind != word {
		p.failHint("a statement", "statements start with SELECT, INSERT, CREATE, SET, …")
	}
	switch t.upper {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return &sql.QueryStatement{Query: p.query()}
	case "SET":
		return p.set()
	case "RESET":
		p.next()
		r := &sql.Reset{}
		if !p.atEnd() {
			r.Key = p.stringValue("the setting in single quotes")
		}
		return r
	case "USE":
		p.next()
		if p.at("MODULES") {
			p.unsupported(p.token(), "all built-in functions are always there", "USE MODULES is not supported")
		}
		return &sql.Use{Catalog: p.accept("CATALOG"), Path: p.path("the name of a catalog or database")}
	case "INSERT":
		return p.insert()
	case "EXECUTE", "BEGIN":
		return p.statementSet()
	case "UPDATE":
		return p.update()
	case "DELETE":
		return p.delete()
	case "EXPLAIN":
		return p.explain()
	case "SHOW":
		return p.show()
	case "DESCRIBE", "DESC":
		return p.describe()
	case "CREATE":
		return p.create()
	case "ALTER":
		return p.alter()
	case "DROP":
		return p.drop()
	}
	if hint, ok := unsupportedStarts[t.upper]; ok {
		p.unsupported(t, hint, "%s is not supported", t.upper)
	}
	p.tried, p.triedAt = append(p.tried[:0], statementStarts...), p.pos
	p.failHint("a statement", "statements start with SELECT, INSERT, CREATE, SET, …")
	return nil
}

// atEnd reports whether the statement ends here.
func (p *parser) atEnd() bool {
	return p.token().kind == endOfText || p.atSymbol(";")
}

func (p *parser) set() sql.Statement {
	p.expect("SET")
	s := &sql.Set{}
	if p.atEnd() {
		return s
	}
	s.Key = p.stringValue("the setting in single quotes")
	p.expectSymbol("=")
	s.Value = p.stringValue("the value in single quotes")
	return s
}

func (p *parser) insert() *sql.Insert {
	p.expect("INSERT")
	s := &sql.Insert{}
	if s.Overwrite = p.accept("OVERWRITE"); !s.Overwrite {
		p.expectHint("INTO", "write INSERT INTO table, or INSERT OVERWRITE table")
	} else {
		p.accept("INTO")
	}
	p.accept("TABLE")
	s.Table = p.path("the name of a table")
	s.Hints = p.hints()
	if p.at("PARTITION") {
		s.Partition = p.partition()
	}
	if p.atSymbol("(") && !p.queryInParentheses(p.pos) {
		open := p.open()
		s.Columns = list(p, func() sql.Path { return p.path("a column") })
		p.close(open, "a comma")
	}
	if !p.atAny("SELECT", "VALUES", "WITH", "TABLE") && !p.atSymbol("(") {
		p.failHint("SELECT, VALUES or WITH", "INSERT INTO table (columns) is followed by a query")
	}
	s.Query = p.query()
	return s
}

// expectHint is expect for one keyword with a hint.
func (p *parser) expectHint(keyword, hint string) {
	if !p.accept(keyword) {
		p.failHint(keyword, "%s", hint)
	}
}

// partition reads PARTITION (column [= literal], …).
func (p *parser) partition() []*sql.PartitionValue {
	p.expect("PARTITION")
	open := p.open()
	values := list(p, func() *sql.PartitionValue {
		start := p.token()
		v := &sql.PartitionValue{Column: p.name("a partition column")}
		if p.acceptSymbol("=") {
			v.Value = p.expr()
		}
		v.Span = p.spanFrom(start)
		return v
	})
	p.close(open, "a comma")
	return values
}

// statementSet reads EXECUTE STATEMENT SET BEGIN … END, or Flink's older
// BEGIN STATEMENT SET; … END. Errors of single inserts do not hide each other.
func (p *parser) statementSet() *sql.StatementSet {
	begin := p.token()
	if p.accept("EXECUTE") {
		if p.at("PLAN") {
			p.unsupported(p.token(), "plans are not stored; run the INSERT itself", "EXECUTE PLAN is not supported")
		}
		if p.atAny("INSERT", "SELECT") {
			p.unsupported(begin, "leave EXECUTE out", "EXECUTE in front of a statement is not supported")
		}
		p.expect("STATEMENT", "SET")
		begin = p.token()
		p.expect("BEGIN")
	} else {
		p.expect("BEGIN", "STATEMENT", "SET")
		p.expectSymbol(";")
	}
	return &sql.StatementSet{Inserts: p.inserts(begin)}
}

// inserts reads the inserts of a statement set up to and with END.
func (p *parser) inserts(begin token) []*sql.Insert {
	var inserts []*sql.Insert
	for {
		before := p.remarksBefore()
		if p.accept("END") {
			if len(inserts) == 0 && len(p.problems) == 0 {
				panic(problem.New(problem.Syntax, "this statement set is empty").At(begin.at).
					WithHint("put INSERT INTO statements between BEGIN and END"))
			}
			return inserts
		}
		if p.token().kind == endOfText {
			panic(problem.New(problem.Syntax, "this BEGIN has no END").At(begin.at).
				WithHint("close the statement set with END;"))
		}
		first := p.pos
		ok := p.attempt(func() {
			if !p.at("INSERT") {
				p.failHint("INSERT INTO or END", "a statement set has only INSERT statements")
			}
			start := p.token()
			s := p.insert()
			s.Span = p.spanFrom(start)
			s.Comments.Before = append(before, p.remarksInside()...)
			p.expectSymbol(";")
			s.Comments.After = p.remarksAfter()
			inserts = append(inserts, s)
		})
		if !ok {
			p.skipInsert(first)
		}
	}
}

// skipInsert goes behind the next semicolon, or to an END that closes the set.
func (p *parser) skipInsert(first int) {
	if p.pos == first {
		p.next()
	}
	for p.token().kind != endOfText && !p.acceptSymbol(";") {
		if p.token().isWord("END") && (p.ahead(1).is(";") || p.ahead(1).kind == endOfText) {
			return
		}
		p.pos++
	}
}

func (p *parser) update() *sql.Update {
	p.expect("UPDATE")
	s := &sql.Update{Table: p.path("the name of a table")}
	if !p.at("SET") {
		s.Alias = p.alias()
	}
	p.expect("SET")
	s.Assignments = list(p, func() *sql.Assignment {
		start := p.token()
		a := &sql.Assignment{Column: p.name("a column")}
		p.expectSymbol("=")
		a.Value = p.expr()
		a.Span = p.spanFrom(start)
		return a
	})
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	return s
}

func (p *parser) delete() *sql.Delete {
	p.expect("DELETE")
	p.expect("FROM")
	s := &sql.Delete{Table: p.path("the name of a table"), Alias: p.alias()}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	return s
}

var explainModes = []string{"TREE", "PLAN", "ROUTE", "SQL", "LINEAGE", "ANALYZE"}

var explainDetails = []string{"ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN"}

func (p *parser) explain() *sql.Explain {
	p.expect("EXPLAIN")
	s := &sql.Explain{}
	if open := p.token(); open.is("(") && p.ahead(2).is(")") && p.ahead(1).kind == word {
		p.next()
		mode := p.acceptAny(explainModes...)
		if mode == "" {
			p.failHint("TREE, PLAN, ROUTE, SQL, LINEAGE or ANALYZE", "write EXPLAIN PLAN FOR statement")
		}
		s.Mode = sql.ExplainMode(mode)
		p.close(open, "")
	} else if mode := p.acceptAny(explainModes...); mode != "" {
		s.Mode = sql.ExplainMode(mode)
	} else if p.atAny(explainDetails...) {
		s.Details = list(p, func() string {
			d := p.acceptAny(explainDetails...)
			if d == "" {
				p.failHint(strings.Join(explainDetails, ", "), "such as EXPLAIN ESTIMATED_COST, CHANGELOG_MODE SELECT …")
			}
			return d
		})
	}
	p.accept("FOR")
	if p.at("STATEMENT", "SET") {
		start := p.token()
		p.expect("STATEMENT", "SET")
		begin := p.token()
		p.expect("BEGIN")
		set := &sql.StatementSet{Inserts: p.inserts(begin)}
		set.Span = p.spanFrom(start)
		s.Statement = set
		return s
	}
	if !startsStatement(p.token()) && !p.atAny("WITH", "TABLE") && !p.atSymbol("(") {
		p.tried, p.triedAt = append(p.tried, statementStarts...), p.pos
		p.failHint("the statement to explain", "write EXPLAIN [TREE | PLAN | ROUTE | SQL | LINEAGE | ANALYZE] [FOR] statement")
	}
	s.Statement = p.statement()
	return s
}

// showKinds are the kinds of SHOW in the order in which they are tried.
var showKinds = []sql.ShowKind{
	sql.ShowCatalogs, sql.ShowCurrentCatalog, sql.ShowDatabases, sql.ShowCurrentDatabase, sql.ShowTables, sql.ShowViews,
	sql.ShowMaterialized, sql.ShowFunctions, sql.ShowUserFunctions, sql.ShowJobs, sql.ShowModules, sql.ShowColumns,
	sql.ShowPartitions, sql.ShowCreateTable, sql.ShowCreateView, sql.ShowCreateMatTable, sql.ShowCreateFunction,
}

func (p *parser) show() *sql.Show {
	p.expect("SHOW")
	if t := p.token(); t.kind == word {
		switch t.upper {
		case "PROCEDURES", "JARS", "MODELS", "FULL":
			p.unsupported(t, "", "SHOW %s is not supported", t.upper)
		}
	}
	s := &sql.Show{}
	for _, k := range showKinds {
		if p.accept(strings.Fields(string(k))...) {
			s.Kind = k
			break
		}
	}
	switch s.Kind {
	case "":
		p.failHint("TABLES, VIEWS, FUNCTIONS, COLUMNS, CREATE TABLE, …", "such as SHOW TABLES, SHOW COLUMNS FROM t, SHOW CREATE TABLE t")
	case sql.ShowCreateTable, sql.ShowCreateView, sql.ShowCreateMatTable, sql.ShowCreateFunction:
		s.Path = p.path("a name")
		return s
	case sql.ShowPartitions:
		s.Path = p.path("the name of a table")
		if p.at("PARTITION") {
			s.Partition = p.partition()
		}
		return s
	case sql.ShowColumns:
		if p.acceptAny("FROM", "IN") == "" {
			p.failHint("FROM", "write SHOW COLUMNS FROM table")
		}
		s.Path = p.path("the name of a table")
	default:
		if p.acceptAny("FROM", "IN") != "" {
			s.Path = p.path("the name of a database")
		}
	}
	not := p.accept("NOT")
	if not || p.at("LIKE") {
		p.expect("LIKE")
		s.NotLike = not
		s.Like = p.stringValue("a pattern in single quotes")
	}
	return s
}

func (p *parser) describe() *sql.Describe {
	if !p.accept("DESC") {
		p.expect("DESCRIBE")
	}
	s := &sql.Describe{}
	p.accept("TABLE")
	for _, k := range []sql.DescribeKind{sql.DescribeCatalog, sql.DescribeDatabase, sql.DescribeFunction, sql.DescribeJob} {
		if next := p.ahead(1); p.at(string(k)) && next.kind != endOfText && !next.is(";") && !next.is(".") {
			p.next()
			s.Kind = k
			break
		}
	}
	if s.Kind == sql.DescribeJob {
		s.Job = p.stringValue("the job's id in single quotes")
		return s
	}
	if next := p.ahead(1); p.at("EXTENDED") && next.kind != endOfText && !next.is(";") && !next.is(".") {
		p.next()
		s.Extended = true
	}
	s.Path = p.path("a name")
	return s
}

// options reads WITH's ('key' = 'value', …), perhaps empty.
func (p *parser) options() []*sql.Option {
	open := p.open()
	if p.acceptSymbol(")") {
		return nil
	}
	options := remarkedList(p, func() (*sql.Option, *sql.Comments) {
		o := p.option()
		return o, &o.Comments
	})
	p.close(open, "a comma")
	return options
}

func (p *parser) option() *sql.Option {
	start := p.token()
	o := &sql.Option{Key: *p.stringValue("an option's name in single quotes")}
	if !p.acceptSymbol("=") {
		p.failHint("\"=\"", "options are written 'key' = 'value'")
	}
	o.Value = *p.stringValue("the option's value in single quotes")
	o.Span = p.spanFrom(start)
	return o
}
