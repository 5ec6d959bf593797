package parse

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// create reads every CREATE.
func (p *parser) create() sql.Statement {
	p.expect("CREATE")
	replace := p.accept("OR", "REPLACE")
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	what := p.token()
	refuse := func(set bool, word string) {
		if set {
			panic(problem.New(problem.Syntax, "%s does not go with %s", word, what.upper).At(what.at).WithHint("leave %s out", word))
		}
	}
	switch {
	case p.accept("TABLE"):
		refuse(system, "SYSTEM")
		s := p.createTable()
		s.Temporary, s.OrReplace = temporary, replace
		return s
	case p.accept("VIEW"):
		refuse(system, "SYSTEM")
		s := p.createView()
		s.Temporary, s.OrReplace = temporary, replace
		return s
	case p.accept("MATERIALIZED", "TABLE"):
		refuse(temporary, "TEMPORARY")
		s := p.createMaterializedTable()
		s.OrReplace = replace
		return s
	case p.accept("FUNCTION"):
		s := p.createFunction()
		s.Temporary, s.System, s.OrReplace = temporary, system, replace
		return s
	case p.accept("DATABASE"):
		refuse(temporary, "TEMPORARY")
		refuse(replace, "OR REPLACE")
		s := &sql.CreateDatabase{IfNotExists: p.ifNotExists(), Name: p.path("the name of a database")}
		s.Comment = p.comment()
		s.With, _ = p.with()
		return s
	case p.accept("CATALOG"):
		refuse(temporary, "TEMPORARY")
		refuse(replace, "OR REPLACE")
		s := &sql.CreateCatalog{IfNotExists: p.ifNotExists(), Name: p.name("the name of a catalog")}
		s.Comment = p.comment()
		s.With, _ = p.with()
		return s
	case p.at("MATERIALIZED", "VIEW"):
		p.unsupported(what, "write CREATE MATERIALIZED TABLE … AS SELECT …", "CREATE MATERIALIZED VIEW is not supported")
	case p.at("MODEL"):
		p.unsupported(what, "", "CREATE MODEL is not supported")
	case p.at("INDEX"):
		p.unsupported(what, "tables are kept in columns and need no indexes", "CREATE INDEX is not supported")
	}
	p.fail("TABLE, VIEW, MATERIALIZED TABLE, FUNCTION, DATABASE or CATALOG")
	return nil
}

func (p *parser) ifNotExists() bool { return p.accept("IF", "NOT", "EXISTS") }

func (p *parser) ifExists() bool { return p.accept("IF", "EXISTS") }

// comment reads COMMENT '…'; nil without.
func (p *parser) comment() *sql.StringValue {
	if p.at("COMMENT") && p.ahead(1).kind == text {
		p.next()
		return p.stringValue("a comment in single quotes")
	}
	return nil
}

// with reads WITH (…).
func (p *parser) with() (options []*sql.Option, written bool) {
	if !p.at("WITH") {
		return nil, false
	}
	p.next()
	return p.options(), true
}

func (p *parser) createTable() *sql.CreateTable {
	s := &sql.CreateTable{IfNotExists: p.ifNotExists(), Name: p.path("the name of a table")}
	if p.atSymbol("(") {
		s.Elements, s.ColumnNames = p.elements()
	}
	s.Comment = p.comment()
	s.Distribution, s.PartitionBy = p.layout()
	s.With, s.HasWith = p.with()
	if p.at("LIKE") {
		s.Like = p.likeTable()
	}
	if p.accept("AS") {
		s.As = p.query()
	}
	switch {
	case s.ColumnNames != nil && s.As == nil:
		panic(problem.New(problem.Syntax, "the column %s has no type", s.ColumnNames[0].Text).At(s.ColumnNames[0].Pos()).
			WithHint("write %s and its type, such as BIGINT or STRING", s.ColumnNames[0].Text))
	case s.Elements == nil && s.ColumnNames == nil && s.As == nil && s.Like == nil:
		p.failHint("the columns", "write CREATE TABLE t (name TYPE, …), or … AS SELECT …")
	case s.Like != nil && s.As != nil:
		panic(problem.New(problem.Syntax, "a table has either LIKE or AS, not both").At(s.Like.Pos()).
			WithHint("leave one out"))
	}
	return s
}

// layout reads DISTRIBUTED and PARTITIONED BY.
func (p *parser) layout() (*sql.Distribution, []sql.Name) {
	var d *sql.Distribution
	var partition []sql.Name
	for {
		switch {
		case d == nil && p.at("DISTRIBUTED"):
			d = p.distribution()
		case partition == nil && p.at("PARTITIONED"):
			p.expect("PARTITIONED", "BY")
			partition = p.nameList("a partition column")
		default:
			return d, partition
		}
	}
}

func (p *parser) distribution() *sql.Distribution {
	start := p.token()
	p.expect("DISTRIBUTED")
	d := &sql.Distribution{}
	if p.accept("BY") {
		d.Kind = p.acceptAny("HASH", "RANGE")
		d.Columns = p.nameList("a column")
	} else if !p.at("INTO") {
		p.fail("BY or INTO")
	}
	if p.accept("INTO") {
		d.Buckets = p.number("the number of buckets")
		if d.Buckets == 0 {
			panic(problem.New(problem.InvalidValue, "a table has at least one bucket").At(p.previous().at).WithHint("write INTO 1 BUCKETS or more"))
		}
		p.expect("BUCKETS")
	}
	d.Span = p.spanFrom(start)
	return d
}

// elements reads the column list of a table: full elements, or bare names.
func (p *parser) elements() ([]sql.TableElement, []sql.Name) {
	if startsName(p.ahead(1)) && (p.ahead(2).is(",") || p.ahead(2).is(")")) {
		return nil, p.nameList("a column")
	}
	open := p.open()
	elements := remarkedList(p, func() (sql.TableElement, *sql.Comments) {
		e := p.element()
		return e, e.Remarks()
	})
	p.close(open, "a comma")
	return elements, nil
}

func (p *parser) element() sql.TableElement {
	start := p.token()
	switch {
	case p.at("WATERMARK"):
		p.expect("WATERMARK", "FOR")
		e := &sql.WatermarkElement{Column: p.path("a time column")}
		p.expectHint("AS", "write WATERMARK FOR column AS column - INTERVAL '5' SECOND")
		e.Expr = p.expr()
		e.Span = p.spanFrom(start)
		return e
	case p.at("CONSTRAINT"), p.at("PRIMARY"), p.at("UNIQUE") && p.ahead(1).is("("):
		return p.primaryKey()
	}
	return p.column()
}

func (p *parser) primaryKey() sql.TableElement {
	start := p.token()
	e := &sql.PrimaryKey{}
	if p.accept("CONSTRAINT") {
		name := p.name("the constraint's name")
		e.Constraint = &name
	}
	if e.Unique = p.accept("UNIQUE"); !e.Unique {
		p.expect("PRIMARY", "KEY")
	}
	e.Columns = p.nameList("a column of the key")
	e.Enforced = p.enforced()
	e.Span = p.spanFrom(start)
	return e
}

// enforced reads [NOT] ENFORCED behind a constraint; true when not said.
func (p *parser) enforced() bool {
	if p.accept("NOT", "ENFORCED") {
		return false
	}
	p.accept("ENFORCED")
	return true
}

func (p *parser) column() sql.TableElement {
	start := p.token()
	name := p.name("a column, PRIMARY KEY or WATERMARK FOR")
	if p.accept("AS") {
		e := &sql.ComputedColumn{Name: name, Expr: p.expr()}
		e.Comment = p.comment()
		e.Span = p.spanFrom(start)
		return e
	}
	if t := p.token(); t.is(",") || t.is(")") {
		p.failHint("the type of column "+name.Text, "such as BIGINT or STRING")
	}
	typeName := p.typeName()
	if p.accept("METADATA") {
		e := &sql.MetadataColumn{Name: name, Type: typeName}
		if p.accept("FROM") {
			e.From = p.stringValue("the metadata key in single quotes")
		}
		e.Virtual = p.accept("VIRTUAL")
		e.Comment = p.comment()
		e.Span = p.spanFrom(start)
		return e
	}
	e := &sql.PhysicalColumn{Name: name, Type: typeName}
	if p.accept("PRIMARY", "KEY") {
		e.PrimaryKey = true
		e.Enforced = p.enforced()
	}
	if p.at("DEFAULT") {
		p.unsupported(p.token(), "compute the value in the query that inserts, with COALESCE", "DEFAULT values of columns are not supported")
	}
	e.Comment = p.comment()
	e.Span = p.spanFrom(start)
	return e
}

var likeActions = []string{"INCLUDING", "EXCLUDING", "OVERWRITING"}

var likeParts = []string{"ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"}

func (p *parser) likeTable() *sql.LikeTable {
	start := p.token()
	p.expect("LIKE")
	l := &sql.LikeTable{Table: p.path("the name of a table")}
	if open := p.token(); p.acceptSymbol("(") {
		for !p.atSymbol(")") {
			o := sql.LikeOption{Action: p.acceptAny(likeActions...)}
			if o.Action == "" {
				if p.atEnd() {
					p.close(open, "")
				}
				p.fail("INCLUDING, EXCLUDING or OVERWRITING")
			}
			if o.What = p.acceptAny(likeParts...); o.What == "" {
				p.fail(strings.Join(likeParts, ", "))
			}
			l.Options = append(l.Options, o)
		}
		p.close(open, "")
	}
	l.Span = p.spanFrom(start)
	return l
}

func (p *parser) createView() *sql.CreateView {
	s := &sql.CreateView{IfNotExists: p.ifNotExists(), Name: p.path("the name of a view")}
	if open := p.token(); p.acceptSymbol("(") {
		s.Columns = list(p, func() *sql.ViewColumn {
			start := p.token()
			c := &sql.ViewColumn{Name: p.name("a column")}
			c.Comment = p.comment()
			c.Span = p.spanFrom(start)
			return c
		})
		p.close(open, "a comma")
	}
	s.Comment = p.comment()
	p.expectHint("AS", "write CREATE VIEW v AS SELECT …")
	s.Query = p.query()
	return s
}

func (p *parser) createMaterializedTable() *sql.CreateMaterializedTable {
	s := &sql.CreateMaterializedTable{IfNotExists: p.ifNotExists(), Name: p.path("the name of a materialized table")}
	if p.atSymbol("(") {
		s.Elements, s.ColumnNames = p.elements()
	}
	s.Comment = p.comment()
	s.Distribution, s.PartitionBy = p.layout()
	s.With, _ = p.with()
	if p.accept("FRESHNESS") {
		p.expectSymbol("=")
		if !p.at("INTERVAL") {
			p.failHint("an interval", "write FRESHNESS = INTERVAL '1' SECOND")
		}
		s.Freshness = p.interval()
	}
	if p.accept("REFRESH_MODE") {
		p.expectSymbol("=")
		if s.RefreshMode = p.acceptAny("FULL", "CONTINUOUS"); s.RefreshMode == "" {
			p.fail("FULL or CONTINUOUS")
		}
	}
	p.expectHint("AS", "write CREATE MATERIALIZED TABLE t [WITH (…)] [FRESHNESS = INTERVAL '1' SECOND] AS SELECT …")
	s.Query = p.query()
	return s
}

func (p *parser) createFunction() *sql.CreateFunction {
	s := &sql.CreateFunction{IfNotExists: p.ifNotExists(), Name: p.path("the name of a function")}
	if open := p.token(); p.acceptSymbol("(") {
		if !p.acceptSymbol(")") {
			s.Parameters = list(p, func() *sql.Parameter {
				start := p.token()
				parameter := &sql.Parameter{Name: p.name("a parameter"), Type: p.typeName()}
				parameter.Span = p.spanFrom(start)
				return parameter
			})
			p.close(open, "a comma")
		}
		p.expectHint("RETURNS", "write CREATE FUNCTION f(a BIGINT) RETURNS BIGINT AS a * 2")
		s.Returns = p.typeName()
		if p.accept("LANGUAGE") {
			p.moduleOf(s)
			return s
		}
		if !p.accept("RETURN") {
			p.expectHint("AS", "write CREATE FUNCTION f(a BIGINT) RETURNS BIGINT AS a * 2")
		}
		s.Body = p.expr()
		return s
	}
	p.expectHint("AS", "write CREATE FUNCTION f(a BIGINT) RETURNS BIGINT AS a * 2")
	s.Class = p.stringValue("the class in single quotes")
	if p.accept("LANGUAGE") {
		if s.Language = p.acceptAny("JAVA", "SCALA", "PYTHON"); s.Language == "" {
			p.fail("JAVA, SCALA or PYTHON")
		}
	}
	if p.accept("USING") {
		s.Using = list(p, func() sql.StringValue {
			if p.acceptAny("JAR", "FILE", "ARTIFACT") == "" {
				p.fail("JAR")
			}
			return *p.stringValue("a path in single quotes")
		})
	}
	s.With, _ = p.with()
	return s
}

// moduleOf reads where the code of a function is.
func (p *parser) moduleOf(s *sql.CreateFunction) {
	const usage = "write CREATE FUNCTION f(a STRING) RETURNS BIGINT LANGUAGE WASM USING FILE 'f.wasm'"
	p.expectHint("WASM", usage)
	s.Language = "WASM"
	p.expectHint("USING", usage)
	switch p.acceptAny("FILE", "BASE64") {
	case "FILE":
		s.Using = []sql.StringValue{*p.stringValue("a path in single quotes")}
	case "BASE64":
		s.Code = p.stringValue("the module in BASE64, in single quotes")
	default:
		p.failHint("FILE or BASE64", usage)
	}
	s.With, _ = p.with()
}

func (p *parser) drop() sql.Statement {
	p.expect("DROP")
	s := &sql.Drop{Temporary: p.accept("TEMPORARY")}
	s.System = s.Temporary && p.accept("SYSTEM")
	for _, k := range []sql.DropKind{sql.DropTable, sql.DropView, sql.DropMaterialized, sql.DropFunction, sql.DropDatabase, sql.DropCatalog} {
		if p.accept(strings.Fields(string(k))...) {
			s.Kind = k
			break
		}
	}
	if s.Kind == "" {
		p.fail("TABLE, VIEW, MATERIALIZED TABLE, FUNCTION, DATABASE or CATALOG")
	}
	s.IfExists = p.ifExists()
	s.Name = p.path("the name to drop")
	s.Behavior = p.acceptAny("CASCADE", "RESTRICT")
	return s
}
