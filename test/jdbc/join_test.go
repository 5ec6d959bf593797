package jdbc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// orders is a table of numbers from 1 on, with a time to look up at.
func orders(count int) string {
	return fmt.Sprintf("CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '%d');\n"+
		"CREATE VIEW orders AS SELECT n, PROCTIME() AS pt FROM numbers;\n", count, count)
}

// customers makes a table in which the ids 2, 4, … up to twice the count are.
func (p *peer) customers(t *testing.T, count int) {
	t.Helper()
	p.do(t, "DROP TABLE IF EXISTS customers")
	p.do(t, "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20), limits DECIMAL(10, 2))")
	for from := 1; from <= count; from += 10_000 {
		var values []string
		for n := from; n < min(from+10_000, count+1); n++ {
			values = append(values, fmt.Sprintf("(%d, 'c%d', '%s', %d.5)", 2*n, 2*n, []string{"Rome", "Oslo", "rome"}[n%3], n))
		}
		p.do(t, "INSERT INTO customers VALUES "+strings.Join(values, ", "))
	}
}

const customersDeclared = "CREATE TABLE customers (id BIGINT, name STRING, city STRING, limits DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED)"

func TestLookupJoins(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		p.customers(t, 3) // 2 Oslo, 4 rome, 6 Rome
		for name, c := range map[string]struct {
			options, query string
			want           []string
		}{
			"by the key": {"", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id", []string{`["+I","2","c2"]`, `["+I","4","c4"]`}},
			"by the key, all": {"", "SELECT o.n, c.limits FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id",
				[]string{`["+I","1",null]`, `["+I","2","1.50"]`, `["+I","3",null]`, `["+I","4","2.50"]`, `["+I","5",null]`}},
			"a key that no column holds": {"", "SELECT o.n, c.name FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n + 5000000000 = c.id WHERE o.n < 2", []string{`["+I","1",null]`}},
			"a key that is NULL":         {"", "SELECT o.n, c.name FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON NULLIF(o.n, 2) = c.id WHERE o.n IN (2, 4)", []string{`["+I","2",null]`, `["+I","4","c4"]`}},
			"by two columns":             {"", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id AND CASE o.n WHEN 2 THEN 'Oslo' ELSE 'Rome' END = c.city", []string{`["+I","2","c2"]`}},
			"by a text, byte for byte":   {"", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON c.city = 'Rome' WHERE o.n < 3", []string{`["+I","1","c6"]`, `["+I","2","c6"]`}},
			"by a number with digits":    {"", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON c.limits = CAST(CAST(o.n AS DECIMAL(10, 2)) + 0.5 AS DECIMAL(10, 2)) WHERE o.n < 3", []string{`["+I","1","c2"]`, `["+I","2","c4"]`}},
			"with a cache":               {"'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '2'", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id", []string{`["+I","2","c2"]`, `["+I","4","c4"]`}},
			"read as a whole":            {"'lookup.cache' = 'FULL'", "SELECT o.n, c.name FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id", []string{`["+I","2","c2"]`, `["+I","4","c4"]`}},
		} {
			options := p.with("customers")
			if c.options != "" {
				options = p.with("customers", c.options)
			}
			for _, flags := range [][]string{nil, {"--mode", "batch"}, {"--parallelism", "2", "--batch-rows", "2"}} {
				got := execute(t, orders(5)+customersDeclared+options+c.query+";", flags...)
				slices.Sort(got)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s %v: %s", name, flags, diff)
				}
			}
		}
	})
}

// TestScansReadEveryRowOnce, whatever the splits; conditions are asked for, and
// checked again.
func TestScansReadEveryRowOnce(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		p.customers(t, 9_000)
		p.do(t, "INSERT INTO customers (id, name, city) VALUES (-5, NULL, 'Rome')")
		parts := "'scan.partition.column' = 'id', 'scan.partition.num' = '3', 'scan.partition.lower-bound' = '100', 'scan.partition.upper-bound' = '9000'"
		for query, want := range map[string]string{
			"COUNT(*), COUNT(DISTINCT id), SUM(id), COUNT(name) FROM customers":                                               `["+I","9001","9001","81008995","9000"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE city = 'Rome'":                             `["+I","3001","1","-5","18000"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE limits >= 8999.5 AND id > 5":               `["+I","2","2","17998","18000"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE name IS NULL AND id < 5000000000":          `["+I","1","1","-5","-5"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE city IS NOT NULL AND NOT city > 'Oslo'":    `["+I","3000","1","2","17996"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE limits < 1.5 OR id BETWEEN 10 AND 12":      `["+I","2","2","10","12"]`,
			"COUNT(*), COUNT(DISTINCT city), MIN(id), MAX(id) FROM customers WHERE id = 20 AND name = 'c20' AND city <> 'x' ": `["+I","1","1","20","20"]`,
		} {
			for _, declared := range []string{customersDeclared, strings.Replace(customersDeclared, ", PRIMARY KEY (id) NOT ENFORCED", "", 1)} {
				for _, options := range []string{p.with("customers"), p.with("customers", parts)} {
					got := execute(t, declared+options+"SELECT "+query+";", "--mode", "batch", "--parallelism", "2")
					if diff := cmp.Diff([]string{want}, got); diff != "" {
						t.Errorf("%s: %s", query, diff)
					}
				}
			}
		}
	})
}
