package sql

// CreateTable is CREATE [TEMPORARY] TABLE.
type CreateTable struct {
	StatementBase
	Temporary    bool
	IfNotExists  bool
	OrReplace    bool
	Name         Path
	Elements     []TableElement
	ColumnNames  []Name // (a, b) without types, of CREATE TABLE … AS
	Comment      *StringValue
	Distribution *Distribution
	PartitionBy  []Name
	With         []*Option
	HasWith      bool // WITH (…) was written, perhaps empty: without it a table is native
	Like         *LikeTable
	As           *Query
}

// TableElement is a line in the column list of a table.
//
//sumtype:decl
type TableElement interface {
	Node
	// Remarks gives the element's comments; the pointer is to the node's own.
	Remarks() *Comments
	tableElement()
}

// ElementBase is what every table element embeds.
type ElementBase struct {
	Span
	Comments Comments
}

// Remarks implements TableElement.
func (b *ElementBase) Remarks() *Comments { return &b.Comments }
func (*ElementBase) tableElement()        {}

// PhysicalColumn is name type [PRIMARY KEY NOT ENFORCED] [COMMENT '…'].
type PhysicalColumn struct {
	ElementBase
	Name       Name
	Type       *TypeName
	PrimaryKey bool
	Enforced   bool // of PrimaryKey: not said to be NOT ENFORCED
	Comment    *StringValue
}

// ComputedColumn is name AS expression.
type ComputedColumn struct {
	ElementBase
	Name    Name
	Expr    Expr
	Comment *StringValue
}

// MetadataColumn is name type METADATA [FROM 'key'] [VIRTUAL].
type MetadataColumn struct {
	ElementBase
	Name    Name
	Type    *TypeName
	From    *StringValue // nil: the column's name
	Virtual bool
	Comment *StringValue
}

// PrimaryKey is [CONSTRAINT name] PRIMARY KEY (columns) NOT ENFORCED. With
// Unique it is UNIQUE (columns) NOT ENFORCED.
type PrimaryKey struct {
	ElementBase
	Constraint *Name
	Unique     bool
	Columns    []Name
	Enforced   bool // not said to be NOT ENFORCED
}

// WatermarkElement is WATERMARK FOR column AS expression.
type WatermarkElement struct {
	ElementBase
	Column Path
	Expr   Expr
}

// Distribution is DISTRIBUTED [BY [HASH|RANGE] (columns)] [INTO n BUCKETS].
type Distribution struct {
	Span
	Kind    string // HASH, RANGE, or "" when left open
	Columns []Name
	Buckets int // 0: not said
}

// LikeTable is LIKE table [( {INCLUDING|EXCLUDING|OVERWRITING} what … )].
type LikeTable struct {
	Span
	Table   Path
	Options []LikeOption
}

// LikeOption is one clause of LIKE.
type LikeOption struct {
	Action string // INCLUDING, EXCLUDING, OVERWRITING
	What   string // ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS, WATERMARKS
}

// CreateView is CREATE [TEMPORARY] VIEW name [(columns)] AS query.
type CreateView struct {
	StatementBase
	Temporary   bool
	IfNotExists bool
	OrReplace   bool
	Name        Path
	Columns     []*ViewColumn
	Comment     *StringValue
	Query       *Query
}

// ViewColumn names a column of a view.
type ViewColumn struct {
	Span
	Name    Name
	Comment *StringValue
}

// CreateMaterializedTable is CREATE MATERIALIZED TABLE … AS query. Elements
// may be only names (ColumnNames), or typed columns and a primary key.
type CreateMaterializedTable struct {
	StatementBase
	IfNotExists  bool
	OrReplace    bool
	Name         Path
	Elements     []TableElement
	ColumnNames  []Name
	Comment      *StringValue
	Distribution *Distribution
	PartitionBy  []Name
	With         []*Option
	Freshness    *Interval // nil: not said
	RefreshMode  string    // FULL, CONTINUOUS, or ""
	Query        *Query
}

// AlterMaterializedTable is ALTER MATERIALIZED TABLE name action.
type AlterMaterializedTable struct {
	StatementBase
	Name      Path
	Action    MaterializedAction
	Partition []*PartitionValue // of REFRESH
	With      []*Option         // of RESUME
	Query     *Query            // of AS
}

// MaterializedAction is what to do with a materialized table.
type MaterializedAction string

// The actions.
const (
	Suspend  MaterializedAction = "SUSPEND"
	Resume   MaterializedAction = "RESUME"
	Refresh  MaterializedAction = "REFRESH"
	Redefine MaterializedAction = "AS"
)

// AlterTable is ALTER TABLE [IF EXISTS] name action; View tells ALTER VIEW.
type AlterTable struct {
	StatementBase
	View     bool
	IfExists bool
	Name     Path
	Action   AlterAction
}

// AlterAction is one change of a table or view.
//
//sumtype:decl
type AlterAction interface {
	Node
	alterAction()
}

// RenameTable is RENAME TO name.
type RenameTable struct {
	Span
	To Path
}

// RenameColumn is RENAME column TO name.
type RenameColumn struct {
	Span
	Column Path
	To     Name
}

// SetOptions is SET ('key' = 'value', …).
type SetOptions struct {
	Span
	Options []*Option
}

// ResetOptions is RESET ('key', …).
type ResetOptions struct {
	Span
	Keys []StringValue
}

// ChangeElements is ADD | MODIFY element or (element, …).
type ChangeElements struct {
	Span
	Modify   bool
	Elements []*PlacedElement
}

// PlacedElement is an element with its place among the columns.
type PlacedElement struct {
	Span
	Element TableElement
	First   bool
	After   *Name
}

// DropElements is DROP column | (columns) | PRIMARY KEY | CONSTRAINT c |
// WATERMARK | DISTRIBUTION.
type DropElements struct {
	Span
	What    string // "", PRIMARY KEY, CONSTRAINT, WATERMARK, DISTRIBUTION
	Columns []Path // the columns, or the constraint's name
}

// ChangePartition is ADD | DROP [IF [NOT] EXISTS] PARTITION (…).
type ChangePartition struct {
	Span
	Drop       bool
	IfExists   bool // IF EXISTS of DROP, IF NOT EXISTS of ADD
	Partitions [][]*PartitionValue
}

// RedefineView is AS query of ALTER VIEW.
type RedefineView struct {
	Span
	Query *Query
}

func (*RenameTable) alterAction()     {}
func (*RenameColumn) alterAction()    {}
func (*SetOptions) alterAction()      {}
func (*ResetOptions) alterAction()    {}
func (*ChangeElements) alterAction()  {}
func (*DropElements) alterAction()    {}
func (*ChangePartition) alterAction() {}
func (*RedefineView) alterAction()    {}

// CreateFunction is CREATE [TEMPORARY [SYSTEM]] FUNCTION, either ours, with a
// Body, or Flink's, with a Class.
type CreateFunction struct {
	StatementBase
	Temporary   bool
	System      bool
	IfNotExists bool
	OrReplace   bool
	Name        Path
	Parameters  []*Parameter
	Returns     *TypeName
	Body        Expr
	Class       *StringValue
	Language    string // WASM, JAVA, SCALA, PYTHON or ""
	Using       []StringValue
	Code        *StringValue // of WASM, the module in BASE64 instead of a file
	With        []*Option
}

// Parameter is a parameter of a function of ours.
type Parameter struct {
	Span
	Name Name
	Type *TypeName
}

// CreateDatabase is CREATE DATABASE [IF NOT EXISTS] name [COMMENT] [WITH].
type CreateDatabase struct {
	StatementBase
	IfNotExists bool
	Name        Path
	Comment     *StringValue
	With        []*Option
}

// CreateCatalog is CREATE CATALOG [IF NOT EXISTS] name [COMMENT] [WITH].
type CreateCatalog struct {
	StatementBase
	IfNotExists bool
	Name        Name
	Comment     *StringValue
	With        []*Option
}

// DropKind is what a DROP removes.
type DropKind string

// The kinds of DROP.
const (
	DropTable        DropKind = "TABLE"
	DropView         DropKind = "VIEW"
	DropMaterialized DropKind = "MATERIALIZED TABLE"
	DropFunction     DropKind = "FUNCTION"
	DropDatabase     DropKind = "DATABASE"
	DropCatalog      DropKind = "CATALOG"
)

// Drop is DROP [TEMPORARY [SYSTEM]] kind [IF EXISTS] name [CASCADE|RESTRICT].
type Drop struct {
	StatementBase
	Kind      DropKind
	Temporary bool
	System    bool
	IfExists  bool
	Name      Path
	Behavior  string // CASCADE, RESTRICT or ""
}
