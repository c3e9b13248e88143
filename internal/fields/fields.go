// Package fields is for tests of completeness: it sets every field of a struct, so
// that a copy that leaves one out differs from the original.
package fields

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"
)

// Full returns a T whose exported fields, and those of the structs, arrays and
// slices in it, are all different from zero and, as far as their types allow,
// from each other.
func Full[T any]() (v T) {
	n := uint64(0)
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

// fill sets v to the next values.
func fill(v reflect.Value, n *uint64) {
	*n++
	switch v.Interface().(type) {
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(*n)}), uint16(*n))))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(*n)})))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(*n)}), 32)))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n % 100))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(*n % 200)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(*n))
	case reflect.String:
		v.SetString(fmt.Sprintf("field%d", *n))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	default:
		panic(fmt.Sprintf("a field of type %v", v.Type()))
	}
}

// Zero returns the names of the exported fields of a struct that are zero, those of
// the structs that are embedded in it included.
func Zero(v any) []string { return zero(reflect.ValueOf(v)) }

func zero(v reflect.Value) (names []string) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i)
		switch {
		case !name.IsExported():
		case f.IsZero():
			names = append(names, name.Name)
		case name.Anonymous && f.Kind() == reflect.Struct:
			names = append(names, zero(f)...)
		}
	}
	return names
}

// Unseen returns the names of the exported fields of v, and of the structs embedded
// in it, whose value makes no difference to what show returns: each is set to zero
// once. All fields of v must differ from zero.
func Unseen[T any](v T, show func(T) string) (names []string) {
	want := show(v)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		less := v
		reflect.ValueOf(&less).Elem().FieldByIndex(f.Index).SetZero()
		if show(less) == want {
			names = append(names, f.Name)
		}
	}
	return names
}
