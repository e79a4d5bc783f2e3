// Applies a MutatingAdmissionPolicy to pods with the code of the Kubernetes API server (Debian's packages of
// k8s.io/apiserver). Run by scripts/manifests-policy.
//
//	manifests-policy FILE     FILE has the policy, its bindings and namespaces; standard input is a JSON array of pods
//
// Prints a JSON array with an element for each pod: {"pod": the admitted pod} or {"error": the reason for the
// rejection}. Failures are errors here, regardless of the failure policy.
//
// The function that compiles a policy is not exported. Therefore, the program is built with -overlay and an additional
// file, which exports it as CompilePolicy.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	registration "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// A converter is only used for apply configurations, but is a required argument.
type converters struct{}

func (converters) GetTypeConverter(schema.GroupVersionKind) managedfields.TypeConverter {
	return managedfields.NewDeducedTypeConverter()
}

func (converters) Run(context.Context) {}

var empty meta1.LabelSelector

type silent struct{}

func (silent) Helper() {}

func (silent) Logf(string, ...interface{}) {}

type result struct {
	Pod   *core.Pod `json:"pod,omitempty"`
	Error string    `json:"error,omitempty"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "manifests-policy:", err)
		os.Exit(1)
	}
}

// read returns the namespaces, policies and bindings in the file.
func read(path string) (namespaces, policies []runtime.Object) {
	text, err := os.ReadFile(path)
	must(err)
	for _, document := range strings.Split(string(text), "\n---\n") {
		var kind struct {
			Kind string `json:"kind"`
		}
		must(yaml.Unmarshal([]byte(document), &kind))
		switch kind.Kind {
		case "Namespace":
			one := &core.Namespace{}
			must(yaml.UnmarshalStrict([]byte(document), one))
			namespaces = append(namespaces, one)
		case "MutatingAdmissionPolicy":
			one := &registration.MutatingAdmissionPolicy{}
			must(yaml.UnmarshalStrict([]byte(document), one))
			fail := registration.Fail
			one.Spec.FailurePolicy = &fail
			// Set the default values, as the server does.
			equivalent := registration.Equivalent
			one.Spec.MatchConstraints.MatchPolicy = &equivalent
			if one.Spec.MatchConstraints.NamespaceSelector == nil {
				one.Spec.MatchConstraints.NamespaceSelector = &empty
			}
			policies = append(policies, one)
		case "MutatingAdmissionPolicyBinding":
			one := &registration.MutatingAdmissionPolicyBinding{}
			must(yaml.UnmarshalStrict([]byte(document), one))
			equivalent := registration.Equivalent
			one.Spec.MatchResources.MatchPolicy = &equivalent
			if one.Spec.MatchResources.ObjectSelector == nil {
				one.Spec.MatchResources.ObjectSelector = &empty
			}
			policies = append(policies, one)
		}
		// The types of the policy's tests have different names.
		for _, one := range policies {
			one.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		}
	}
	return namespaces, policies
}

func mapping(kind, resource string, scope meta.RESTScope) meta.RESTMapping {
	return meta.RESTMapping{
		Resource:         core.SchemeGroupVersion.WithResource(resource),
		GroupVersionKind: core.SchemeGroupVersion.WithKind(kind),
		Scope:            scope,
	}
}

func main() {
	namespaces, policies := read(os.Args[1])
	server, stop, err := generic.NewPolicyTestContext[*mutating.Policy, *mutating.PolicyBinding, mutating.PolicyEvaluator](
		silent{},
		mutating.NewMutatingAdmissionPolicyAccessor,
		mutating.NewMutatingAdmissionPolicyBindingAccessor,
		mutating.CompilePolicy,
		func(a authorizer.Authorizer, m *matching.Matcher, _ kubernetes.Interface) generic.Dispatcher[mutating.PolicyHook] {
			return mutating.NewDispatcher(a, m, converters{})
		},
		namespaces,
		[]meta.RESTMapping{
			mapping("Pod", "pods", meta.RESTScopeNamespace),
			mapping("Namespace", "namespaces", meta.RESTScopeRoot),
		})
	must(err)
	defer stop()
	must(server.Start())
	must(server.UpdateAndWait(policies...))

	var pods []*core.Pod
	must(json.NewDecoder(os.Stdin).Decode(&pods))
	interfaces := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	results := []result{}
	for _, pod := range pods {
		request := admission.NewAttributesRecord(pod, nil, core.SchemeGroupVersion.WithKind("Pod"), pod.Namespace, pod.Name,
			core.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
		if err := server.Plugin.Dispatch(server, request, interfaces); err != nil {
			results = append(results, result{Error: err.Error()})
		} else {
			results = append(results, result{Pod: pod})
		}
	}
	must(json.NewEncoder(os.Stdout).Encode(results))
}
