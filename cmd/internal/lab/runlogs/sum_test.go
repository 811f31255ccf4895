package runlogs

import (
	"reflect"
	"testing"

	"starmesh/common/load"
)

// TestTheStartsOfANodeAddUpInEveryCounter: a counter that is new to the load
// report is no more forgotten here than another.
func TestTheStartsOfANodeAddUpInEveryCounter(t *testing.T) {
	var one load.Traffic
	for i := range reflect.TypeFor[load.Traffic]().NumField() {
		switch field := reflect.ValueOf(&one).Elem().Field(i); field.Kind() {
		case reflect.Pointer:
			field.Set(reflect.ValueOf(new(int64(i + 1))))
		default:
			field.SetInt(int64(i + 1))
		}
	}
	both := reflect.ValueOf(addTraffic(one, one))
	for i := range both.NumField() {
		name := both.Type().Field(i).Name
		if got := reflect.Indirect(both.Field(i)); !got.IsValid() || got.Int() != 2*int64(i+1) {
			t.Errorf("%s of two starts is %v, want %d", name, got, 2*(i+1))
		}
	}
}
