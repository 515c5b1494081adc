// Matrix products and linear algebra.
namespace TorchSharp
{
    public static partial class torch
    {
        public sealed partial class Tensor
        {
            public Tensor matmul(Tensor target) => Op.Call("matmul", this, target);
            public Tensor mm(Tensor target) => Op.Call("mm", this, target);
            public Tensor mv(Tensor target) => Op.Call("mv", this, target);
            public Tensor bmm(Tensor batch2) => Op.Call("bmm", this, batch2);
            public Tensor dot(Tensor target) => Op.Call("dot", this, target);
            public Tensor outer(Tensor vec2) => Op.Call("outer", this, vec2);
            public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) =>
                Op.Call("addmm", this, mat1, mat2, beta, alpha);
            public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
                Op.Call("baddbmm", this, batch1, batch2, beta, alpha);
            public Tensor trace() => Op.Call("trace", this);
            public Tensor det() => Op.Call("det", this);
        }

        public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);
        public static Tensor mm(Tensor input, Tensor target) => input.mm(target);
        public static Tensor mv(Tensor input, Tensor target) => input.mv(target);
        public static Tensor bmm(Tensor input, Tensor batch2) => input.bmm(batch2);
        public static Tensor dot(Tensor input, Tensor other) => input.dot(other);
        public static Tensor outer(Tensor input, Tensor vec2) => input.outer(vec2);
        public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) =>
            input.addmm(mat1, mat2, beta, alpha);
        public static Tensor baddbmm(Tensor input, Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            input.baddbmm(batch1, batch2, beta, alpha);
        public static Tensor einsum(string equation, params Tensor[] tensors) => Op.Call("einsum", equation, tensors);
        public static Tensor trace(Tensor input) => input.trace();
        public static Tensor det(Tensor input) => input.det();

        public static class linalg
        {
            public enum QRMode
            {
                Reduced = 0,
                Complete = 1,
                R = 2
            }

            public static Tensor solve(Tensor A, Tensor B, bool left = true) => Op.Call("linalg_solve", A, B, left);
            public static Tensor inv(Tensor input) => Op.Call("linalg_inv", input);
            public static Tensor cholesky(Tensor input) => Op.Call("linalg_cholesky", input);
            public static Tensor det(Tensor input) => Op.Call("linalg_det", input);
            public static (Tensor Q, Tensor R) qr(Tensor input, QRMode mode = QRMode.Reduced) =>
                Op.Call2("linalg_qr", input, mode.ToString().ToLowerInvariant());
            public static (Tensor, Tensor) eigh(Tensor input, char UPLO = 'L') =>
                Op.Call2("linalg_eigh", input, UPLO.ToString());
            public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor input, bool fullMatrices = true) =>
                Op.Call3("linalg_svd", input, fullMatrices);
            public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(
                Tensor input, Tensor other) => Op.Call4("linalg_lstsq", input, other);
            public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(
                Tensor input, Tensor other, double rcond) => Op.Call4("linalg_lstsq", input, other, rcond);
            public static Tensor vector_norm(Tensor input, double ord = 2d, long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_vector_norm", input, ord, dims, keepdim);
            public static Tensor matrix_norm(
                Tensor input, string ord = "fro", long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_matrix_norm.str_ord", input, ord, dims ?? [-2, -1], keepdim);
            public static Tensor matrix_norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_matrix_norm", input, ord, dims ?? [-2, -1], keepdim);
            public static Tensor norm(Tensor input, string ord, long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_norm.ord_str", input, ord, dims, keepdim);
            public static Tensor norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_norm", input, ord, dims, keepdim);
            public static Tensor norm(Tensor input, int ord, long[]? dims = null, bool keepdim = false) =>
                norm(input, (double)ord, dims, keepdim);
            public static Tensor norm(Tensor input, long[]? dims = null, bool keepdim = false) =>
                Op.Call("linalg_norm", input, default, dims, keepdim);
        }
    }
}
