package faultinject

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"starmesh/common/fault"
)

// A Fault is one that is asked for.
type Fault struct {
	Count int           // of nodes; 0 where the kind says which
	At    float64       // the share of all bytes that have arrived when it strikes; 0: from the start
	Every time.Duration // of churn
	text  string
	*kind
}

// String returns the fault as it was asked for.
func (f Fault) String() string { return f.text }

// form is how a fault of a kind is written.
type form struct {
	example              string
	counted, at, regular bool
}

// Examples returns a fault of each kind, as it is written.
func Examples() []string {
	var all []string
	for _, f := range kinds() {
		all = append(all, f.example)
	}
	return all
}

// Parse reads faults with commas between them: stop-origin@50%,free-rider:4.
// It fails with fault.Invalid and says the right form.
func Parse(text string) ([]Fault, error) {
	var all []Fault
	for _, one := range strings.Split(text, ",") {
		f, err := parse(strings.ToLower(strings.TrimSpace(one)))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Fault) bool { return o.Kind == f.Kind }) {
			return nil, fault.Wrapf(fault.Invalid, "%s twice: one of a kind", f.Kind)
		}
		all = append(all, f)
	}
	return all, nil
}

// minChurn is how quick churn may be: a node needs some time to come back.
const minChurn = time.Second

func parse(text string) (Fault, error) {
	rest, at, hasAt := strings.Cut(text, "@")
	name, number, hasNumber := strings.Cut(rest, ":")
	all := kinds()
	known := slices.IndexFunc(all, func(k *kind) bool { return string(k.Kind) == name })
	if known < 0 {
		return Fault{}, fault.Wrapf(fault.Invalid, "there is no fault %q; there are %s", text, strings.Join(Examples(), ", "))
	}
	form := all[known].form
	f := Fault{kind: all[known], text: text}
	wrong := func(why string) (Fault, error) {
		return f, fault.Wrapf(fault.Invalid, "%q: %s; it is written like %s", text, why, form.example)
	}
	if hasAt != form.at {
		return wrong(map[bool]string{true: "when is missing, as a share of all bytes", false: "it has no point in time"}[form.at])
	}
	if hasNumber != (form.counted || form.regular) {
		return wrong(map[bool]string{true: "there is just one", false: "the number is missing"}[hasNumber])
	}
	if form.at {
		percent, err := strconv.ParseFloat(strings.TrimSuffix(at, "%"), 64)
		if err != nil || !strings.HasSuffix(at, "%") || !(percent > 0 && percent < 100) {
			return wrong("the share is more than 0% and less than 100%")
		}
		f.At = percent / 100
	}
	if why := f.setNumber(number); why != "" {
		return wrong(why)
	}
	return f, nil
}

// setNumber reads what stands behind a fault's name, and says what is wrong with
// it; "" if nothing is.
func (f *Fault) setNumber(text string) (why string) {
	var err error
	if f.kind.form.counted {
		if f.Count, err = strconv.Atoi(text); err != nil || f.Count < 1 || f.Count > math.MaxInt32 {
			return "the number of nodes is 1 or more"
		}
	}
	if f.kind.form.regular {
		if f.Every, err = time.ParseDuration(text); err != nil || f.Every < minChurn {
			return fmt.Sprintf("the time between two is %v or more", minChurn)
		}
	}
	return ""
}

// Check reports whether so many receivers are enough for the faults. Nobody is
// hit by two of those that choose their nodes, and somebody must be left to get
// the file.
func Check(all []Fault, receivers int) error {
	hit, excused := 0, 0
	for _, f := range all {
		hit += f.Count
		if f.excuse != nil {
			excused += f.Count
		}
	}
	need := max(hit, excused+min(excused, 1))
	if need <= receivers {
		return nil
	}
	return fault.Wrapf(fault.Invalid, "%s: that takes %d receivers at the least, and there is a run with %d", list(all), need, receivers)
}

func list(all []Fault) string {
	var texts []string
	for _, f := range all {
		texts = append(texts, f.text)
	}
	return strings.Join(texts, ",")
}
