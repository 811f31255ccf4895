package system_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/system"
)

func TestSystemsAreReadAndHTTPStandsForBothOfItsWays(t *testing.T) {
	for text, want := range map[string]string{
		"star":             "star",
		"mesh,star":        "mesh star",
		"star,http,mesh":   "star http http-close mesh",
		"Star, HTTP-Close": "star http-close",
	} {
		got, err := system.All().Parse(strings.Split(text, ","))
		if err != nil || strings.Join(got.Names(), " ") != want {
			t.Errorf("%s: %q, %v", text, got.Names(), err)
		}
	}
	for text, want := range map[string]string{
		"torrent":         `no system "torrent"`,
		"":                `no system ""`,
		"star,star":       "star is named twice",
		"http,http-close": "http-close is named twice",
	} {
		if _, err := system.All().Parse(strings.Split(text, ",")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := system.All().Parse(nil); err == nil {
		t.Error("no system is none")
	}
}

func TestSystemsComeInTheOrderOfTheirCost(t *testing.T) {
	var found system.Table
	for _, name := range []string{"mesh", "zebra", "http-close", "star", "aardvark", "http"} {
		found = append(found, system.Named(name))
	}
	slices.SortFunc(found, system.Compare)
	got := found.Names()
	if want := []string{"star", "http", "http-close", "mesh", "aardvark", "zebra"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestTheTableIsWhole: what the lab and its pages make of a value is there.
func TestTheTableIsWhole(t *testing.T) {
	colour, name := regexp.MustCompile("^#[0-9a-f]{6}$"), regexp.MustCompile("^[a-z][a-z0-9-]*$")
	seen := map[string]bool{}
	for _, s := range system.All() {
		if !name.MatchString(s.Name) { // it becomes a class and a variable of a style sheet
			t.Errorf("%q is no name of a system", s.Name)
		}
		for _, one := range []string{s.Name, s.Look.Light, s.Look.Dark, s.Words.Title, s.Words.Called, s.Words.Says} {
			if one == "" || seen[one] {
				t.Errorf("%s: %q is said of another too, or nothing", s.Name, one)
			}
			seen[one] = true
		}
		if !colour.MatchString(s.Look.Light) || !colour.MatchString(s.Look.Dark) || s.Look.Mark == system.NoMark {
			t.Errorf("%s looks like %+v", s.Name, s.Look)
		}
		if s.Kin == nil && (s.Words.Level == "" || s.Words.Bound == "") {
			t.Errorf("%s is said to be %+v", s.Name, s.Words)
		}
		if s.Bound == nil || s.Launch.Serve == nil || s.Launch.Get == nil || s.Launch.Ready == nil || s.Costs.Multiple < 1 || s.Costs.InFlight < 1 {
			t.Errorf("%s lacks something", s.Name)
		}
	}
}

// TestASystemNobodyKnowsIsOneAllTheSame: logs may name any.
func TestASystemNobodyKnowsIsOneAllTheSame(t *testing.T) {
	s := system.Named("carrier pigeons")
	if s.Name != "carrier pigeons" || s.Relays || s.Asks != nil || s.Look.Light != "" || s.Look.Mark != system.Cross || s.Words.Called != s.Name {
		t.Errorf("%+v", s)
	}
	if got := s.Bound(100, system.Equal(3, 10, 10, 10)); got.Seconds != 30 {
		t.Errorf("its bound is %v", got)
	}
	text, err := json.Marshal(s)
	if err != nil || string(text) != `"carrier pigeons"` {
		t.Errorf("%s, %v", text, err)
	}
}
