// Elementwise operators: arithmetic, functions of one variable, comparison and logic, each as a method of Tensor, as a
// function of `torch` and, where one changes its argument, with the trailing underscore.
using System;

namespace TorchSharp
{
    public static partial class torch
    {
        public enum RoundingMode
        {
            None,
            trunc,
            floor
        }

        public sealed partial class Tensor
        {
            // Functions of one variable
            public Tensor abs() => Op.Call("abs", this);
            public Tensor acos() => Op.Call("acos", this);
            public Tensor asin() => Op.Call("asin", this);
            public Tensor atan() => Op.Call("atan", this);
            public Tensor atanh() => Op.Call("atanh", this);
            public Tensor ceil() => Op.Call("ceil", this);
            public Tensor cos() => Op.Call("cos", this);
            public Tensor cosh() => Op.Call("cosh", this);
            public Tensor erf() => Op.Call("erf", this);
            public Tensor exp() => Op.Call("exp", this);
            public Tensor expm1() => Op.Call("expm1", this);
            public Tensor floor() => Op.Call("floor", this);
            public Tensor frac() => Op.Call("frac", this);
            public Tensor isfinite() => Op.Call("isfinite", this);
            public Tensor isinf() => Op.Call("isinf", this);
            public Tensor isnan() => Op.Call("isnan", this);
            public Tensor lgamma() => Op.Call("lgamma", this);
            public Tensor log() => Op.Call("log", this);
            public Tensor log10() => Op.Call("log10", this);
            public Tensor log1p() => Op.Call("log1p", this);
            public Tensor log2() => Op.Call("log2", this);
            public Tensor logical_not() => Op.Call("logical_not", this);
            public Tensor neg() => Op.Call("neg", this);
            public Tensor reciprocal() => Op.Call("reciprocal", this);
            public Tensor rsqrt() => Op.Call("rsqrt", this);
            public Tensor sigmoid() => Op.Call("sigmoid", this);
            public Tensor sign() => Op.Call("sign", this);
            public Tensor sin() => Op.Call("sin", this);
            public Tensor sinh() => Op.Call("sinh", this);
            public Tensor sqrt() => Op.Call("sqrt", this);
            public Tensor tan() => Op.Call("tan", this);
            public Tensor tanh() => Op.Call("tanh", this);
            public Tensor trunc() => Op.Call("trunc", this);
            public Tensor negative() => neg();
            public Tensor square() => Op.Call("square", this);
            public Tensor relu() => Op.Call("relu", this);
            public Tensor round(long decimals = 0L) => Op.Call("round.decimals", this, decimals);
            public Tensor nan_to_num(double nan = 0d, double? posinf = null, double? neginf = null) =>
                Op.Call("nan_to_num", this, nan, posinf, neginf);

            public Tensor abs_() => Op.InPlace("abs_", this);
            public Tensor exp_() => Op.InPlace("exp_", this);
            public Tensor neg_() => Op.InPlace("neg_", this);
            public Tensor reciprocal_() => Op.InPlace("reciprocal_", this);
            public Tensor sqrt_() => Op.InPlace("sqrt_", this);
            public Tensor zero_() => Op.InPlace("zero_", this);
            public Tensor fill_(Scalar value) => Op.InPlace("fill_.Scalar", this, value);

            // Arithmetic
            public Tensor add(Tensor target) => Op.Call("add.Tensor", this, target);
            public Tensor add(Tensor target, Scalar alpha) => Op.Call("add.Tensor", this, target, alpha);
            public Tensor add(Scalar scalar) => Op.Call("add.Scalar", this, scalar);
            public Tensor add(Scalar scalar, Scalar alpha) => Op.Call("add.Scalar", this, scalar, alpha);
            public Tensor add_(Tensor target) => Op.InPlace("add_.Tensor", this, target);
            public Tensor add_(Tensor target, Scalar alpha) => Op.InPlace("add_.Tensor", this, target, alpha);
            public Tensor add_(Scalar scalar) => Op.InPlace("add_.Scalar", this, scalar);
            public Tensor add_(Scalar scalar, Scalar alpha) => Op.InPlace("add_.Scalar", this, scalar, alpha);
            public Tensor sub(Tensor target) => Op.Call("sub.Tensor", this, target);
            public Tensor sub(Scalar target) => Op.Call("sub.Scalar", this, target);
            public Tensor sub_(Tensor target) => Op.InPlace("sub_.Tensor", this, target);
            public Tensor sub_(Scalar target) => Op.InPlace("sub_.Scalar", this, target);
            public Tensor mul(Tensor target) => Op.Call("mul.Tensor", this, target);
            public Tensor mul(Scalar target) => Op.Call("mul.Scalar", this, target);
            public Tensor mul_(Tensor target) => Op.InPlace("mul_.Tensor", this, target);
            public Tensor mul_(Scalar target) => Op.InPlace("mul_.Scalar", this, target);
            public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
                Op.Call("div.Tensor_mode", this, target, Name(rounding_mode));
            public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
                Op.Call("div.Scalar_mode", this, target, Name(rounding_mode));
            public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
                Op.InPlace("div_.Tensor_mode", this, target, Name(rounding_mode));
            public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
                Op.InPlace("div_.Scalar_mode", this, target, Name(rounding_mode));
            public Tensor remainder(Tensor target) => Op.Call("remainder.Tensor", this, target);
            public Tensor remainder(Scalar scalar) => Op.Call("remainder.Scalar", this, scalar);
            public Tensor fmod(Tensor target) => Op.Call("fmod.Tensor", this, target);
            public Tensor fmod(Scalar scalar) => Op.Call("fmod.Scalar", this, scalar);
            public Tensor pow(Tensor exponent) => Op.Call("pow.Tensor_Tensor", this, exponent);
            public Tensor pow(Scalar exponent) => Op.Call("pow.Tensor_Scalar", this, exponent);
            public Tensor pow_(Scalar exponent) => Op.InPlace("pow_.Scalar", this, exponent);
            public Tensor atan2(Tensor other) => Op.Call("atan2", this, other);
            public Tensor maximum(Tensor other) => Op.Call("maximum", this, other);
            public Tensor minimum(Tensor other) => Op.Call("minimum", this, other);
            public Tensor xlogy(Tensor y) => Op.Call("xlogy.Tensor", this, y);
            public Tensor clamp(Scalar? min = null, Scalar? max = null) => Op.Call("clamp", this, min, max);
            public Tensor clamp(Tensor? min = null, Tensor? max = null) => Op.Call("clamp.Tensor", this, min, max);
            public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Op.InPlace("clamp_", this, min, max);
            public Tensor clamp_(Tensor? min = null, Tensor? max = null) => Op.InPlace("clamp_.Tensor", this, min, max);
            public Tensor clamp_min(Scalar min) => Op.Call("clamp_min", this, min);
            public Tensor clamp_max(Scalar max) => Op.Call("clamp_max", this, max);
            public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) =>
                Op.Call("addcmul", this, tensor1, tensor2, value);
            public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) =>
                Op.InPlace("addcmul_", this, tensor1, tensor2, value);
            public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) =>
                Op.Call("addcdiv", this, tensor1, tensor2, value);
            public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => Op.Call("addcdiv", this, tensor1, tensor2);
            public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) =>
                Op.InPlace("addcdiv_", this, tensor1, tensor2, value);
            public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => Op.InPlace("addcdiv_", this, tensor1, tensor2);
            public Tensor lerp(Tensor end, Tensor weight) => Op.Call("lerp.Tensor", this, end, weight);
            public Tensor lerp_(Tensor end, Tensor weight) => Op.InPlace("lerp_.Tensor", this, end, weight);

            private static string? Name(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();

            // Comparison and logic
            public Tensor eq(Tensor target) => Op.Call("eq.Tensor", this, target);
            public Tensor eq(Scalar target) => Op.Call("eq.Scalar", this, target);
            public Tensor ne(Tensor target) => Op.Call("ne.Tensor", this, target);
            public Tensor ne(Scalar target) => Op.Call("ne.Scalar", this, target);
            public Tensor lt(Tensor target) => Op.Call("lt.Tensor", this, target);
            public Tensor lt(Scalar target) => Op.Call("lt.Scalar", this, target);
            public Tensor le(Tensor target) => Op.Call("le.Tensor", this, target);
            public Tensor le(Scalar target) => Op.Call("le.Scalar", this, target);
            public Tensor gt(Tensor target) => Op.Call("gt.Tensor", this, target);
            public Tensor gt(Scalar target) => Op.Call("gt.Scalar", this, target);
            public Tensor ge(Tensor target) => Op.Call("ge.Tensor", this, target);
            public Tensor ge(Scalar target) => Op.Call("ge.Scalar", this, target);
            public Tensor logical_and(Tensor other) => Op.Call("logical_and", this, other);
            public Tensor logical_or(Tensor other) => Op.Call("logical_or", this, other);
            public Tensor logical_xor(Tensor other) => Op.Call("logical_xor", this, other);
            public Tensor isclose(Tensor other, double rtol = 1e-05, double atol = 1e-08, bool nanEqual = false) =>
                Op.Call("isclose", this, other, rtol, atol, nanEqual);
            public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) =>
                Op.CallScalar("allclose", this, target, rtol, atol, equal_nan).ToBoolean();
            public Tensor where(Tensor condition, Tensor y) => torch.where(condition, this, y);
        }

        public static Tensor abs(Tensor input) => input.abs();
        public static Tensor acos(Tensor input) => input.acos();
        public static Tensor asin(Tensor input) => input.asin();
        public static Tensor atan(Tensor input) => input.atan();
        public static Tensor atanh(Tensor input) => input.atanh();
        public static Tensor ceil(Tensor input) => input.ceil();
        public static Tensor cos(Tensor input) => input.cos();
        public static Tensor cosh(Tensor input) => input.cosh();
        public static Tensor erf(Tensor input) => input.erf();
        public static Tensor exp(Tensor input) => input.exp();
        public static Tensor expm1(Tensor input) => input.expm1();
        public static Tensor floor(Tensor input) => input.floor();
        public static Tensor frac(Tensor input) => input.frac();
        public static Tensor isfinite(Tensor tensor) => tensor.isfinite();
        public static Tensor isinf(Tensor tensor) => tensor.isinf();
        public static Tensor isnan(Tensor input) => input.isnan();
        public static Tensor lgamma(Tensor input) => input.lgamma();
        public static Tensor log(Tensor input) => input.log();
        public static Tensor log10(Tensor input) => input.log10();
        public static Tensor log1p(Tensor input) => input.log1p();
        public static Tensor log2(Tensor input) => input.log2();
        public static Tensor logical_not(Tensor input) => input.logical_not();
        public static Tensor neg(Tensor input) => input.neg();
        public static Tensor reciprocal(Tensor input) => input.reciprocal();
        public static Tensor rsqrt(Tensor input) => input.rsqrt();
        public static Tensor sigmoid(Tensor input) => input.sigmoid();
        public static Tensor sign(Tensor input) => input.sign();
        public static Tensor sin(Tensor input) => input.sin();
        public static Tensor sinh(Tensor input) => input.sinh();
        public static Tensor sqrt(Tensor input) => input.sqrt();
        public static Tensor tan(Tensor input) => input.tan();
        public static Tensor tanh(Tensor input) => input.tanh();
        public static Tensor trunc(Tensor input) => input.trunc();
        public static Tensor negative(Tensor input) => input.neg();
        public static Tensor square(Tensor input) => input.square();
        public static Tensor round(Tensor input, long decimals = 0L) => input.round(decimals);
        public static Tensor nan_to_num(Tensor input, double nan = 0d, double? posinf = null, double? neginf = null) =>
            input.nan_to_num(nan, posinf, neginf);

        public static Tensor add(Tensor left, Tensor right) => left.add(right);
        public static Tensor add(Tensor left, Scalar right) => left.add(right);
        public static Tensor add(Tensor left, Tensor right, Scalar alpha) => left.add(right, alpha);
        public static Tensor add(Tensor left, Scalar right, Scalar alpha) => left.add(right, alpha);
        public static Tensor sub(Tensor left, Tensor right) => left.sub(right);
        public static Tensor sub(Tensor left, Scalar right) => left.sub(right);
        public static Tensor mul(Tensor left, Tensor right) => left.mul(right);
        public static Tensor mul(Tensor left, Scalar right) => left.mul(right);
        public static Tensor div(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
            left.div(right, rounding_mode);
        public static Tensor div(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) =>
            left.div(right, rounding_mode);
        public static Tensor remainder(Tensor left, Tensor right) => left.remainder(right);
        public static Tensor remainder(Tensor left, Scalar right) => left.remainder(right);
        public static Tensor fmod(Tensor left, Tensor right) => left.fmod(right);
        public static Tensor fmod(Tensor left, Scalar right) => left.fmod(right);
        public static Tensor pow(Tensor left, Tensor exponent) => left.pow(exponent);
        public static Tensor pow(Tensor left, Scalar exponent) => left.pow(exponent);
        public static Tensor atan2(Tensor input, Tensor other) => input.atan2(other);
        public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);
        public static Tensor minimum(Tensor input, Tensor other) => input.minimum(other);
        public static Tensor xlogy(Tensor x, Tensor y) => x.xlogy(y);
        public static Tensor clamp(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp(min, max);
        public static Tensor clamp(Tensor input, Tensor? min = null, Tensor? max = null) => input.clamp(min, max);
        public static Tensor clamp_min(Tensor input, Scalar min) => input.clamp_min(min);
        public static Tensor clamp_max(Tensor input, Scalar max) => input.clamp_max(max);
        public static Tensor addcmul(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
            input.addcmul(tensor1, tensor2, value);
        public static Tensor addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
            input.addcdiv(tensor1, tensor2, value);
        public static Tensor lerp(Tensor input, Tensor end, Tensor weight) => input.lerp(end, weight);

        public static Tensor eq(Tensor left, Tensor right) => left.eq(right);
        public static Tensor ne(Tensor left, Tensor right) => left.ne(right);
        public static Tensor lt(Tensor left, Tensor right) => left.lt(right);
        public static Tensor le(Tensor left, Tensor right) => left.le(right);
        public static Tensor gt(Tensor left, Tensor right) => left.gt(right);
        public static Tensor ge(Tensor left, Tensor right) => left.ge(right);
        public static Tensor logical_and(Tensor left, Tensor right) => left.logical_and(right);
        public static Tensor logical_or(Tensor left, Tensor right) => left.logical_or(right);
        public static Tensor logical_xor(Tensor left, Tensor right) => left.logical_xor(right);
        public static bool allclose(
            Tensor tensor, Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) =>
            tensor.allclose(target, rtol, atol, equal_nan);

        /// <summary>`x` where the condition holds, `y` elsewhere.</summary>
        public static Tensor where(Tensor condition, Tensor x, Tensor y) => Op.Call("where.self", condition, x, y);
        public static Tensor[] where(Tensor condition) => Op.CallList("where", condition);
    }
}
