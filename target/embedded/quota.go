package embedded

import (
	"regexp"
	"strconv"
	"time"

	"tidemark/base/problem"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/plan/bind"
)

// backlogDefault is how far the jobs that read a table may be behind it before those
// who send to it have to wait.
const backlogDefault = 30 * time.Second

// tenantNames are what a tenant may be called.
var tenantNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// allowancesOf are the quotas that the events of a native table come under: its own,
// and that of its tenant.
func (j *Jobs) allowancesOf(t *plan.Table) (all []*native.Allowance, err error) {
	if _, err := backlogOf(t); err != nil {
		return nil, err
	}
	var own native.Quota
	if text, given := t.Options["quota.events"]; given {
		if own.Events, err = strconv.ParseInt(text, 10, 64); err != nil || own.Events <= 0 {
			return nil, problem.New(problem.InvalidOption, "quota.events is %q", text).About("quota.events").WithHint("write how many events may come in a second, such as '10000'")
		}
	}
	if text, given := t.Options["quota.bytes"]; given {
		if own.Bytes, err = ParseMemory(text); err != nil {
			return nil, problem.New(problem.InvalidOption, "quota.bytes is %q", text).About("quota.bytes").WithHint("write how much may come in a second, such as '5 MB'")
		}
	}
	if own != (native.Quota{}) {
		a := &native.Allowance{}
		a.Set(own)
		all = append(all, a)
	}
	if tenant, given := t.Options["tenant"]; given {
		if err := checkTenant(tenant); err != nil {
			return nil, err
		}
		all = append(all, j.tenant(tenant))
	}
	return all, nil
}

func checkTenant(name string) error {
	if tenantNames.MatchString(name) {
		return nil
	}
	return problem.New(problem.InvalidOption, "a tenant cannot be called %q", name).About("tenant").WithHint("use up to 64 letters, digits, and _ . - behind the first")
}

// tenant is the allowance that all tables of a tenant share.
func (j *Jobs) tenant(name string) *native.Allowance {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.tenants[name] == nil {
		j.mu.tenants[name] = &native.Allowance{}
	}
	return j.mu.tenants[name]
}

// SetQuota says how much may come in a second for all tables of a tenant together;
// zero values do not limit. It holds until the process ends.
func (j *Jobs) SetQuota(tenant string, q native.Quota) error {
	if err := CheckQuota(tenant, q); err != nil {
		return err
	}
	j.tenant(tenant).Set(q)
	return nil
}

// Quota is what was set for a tenant.
func (j *Jobs) Quota(tenant string) (native.Quota, error) {
	if err := checkTenant(tenant); err != nil {
		return native.Quota{}, err
	}
	return j.tenant(tenant).Quota(), nil
}

// CheckQuota refuses what SetQuota would refuse.
func CheckQuota(tenant string, q native.Quota) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	if q.Events < 0 || q.Bytes < 0 {
		return problem.New(problem.InvalidRequest, "a quota is not negative").WithHint("0 does not limit")
	}
	return nil
}

// backlogOf is how far the jobs that read a table may be behind it; 0 for any time.
func backlogOf(t *plan.Table) (time.Duration, error) {
	text, given := t.Options["backlog"]
	switch {
	case !given:
		return backlogDefault, nil
	case text == "unlimited":
		return 0, nil
	}
	d, ok := bind.Duration(text)
	if !ok || d <= 0 {
		return 0, problem.New(problem.InvalidOption, "backlog is %q", text).About("backlog").WithHint("write a duration such as '30 s', or 'unlimited' to let jobs fall behind")
	}
	return d, nil
}
