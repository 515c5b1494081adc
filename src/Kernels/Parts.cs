// Splits work on a range between threads.
using System;
using System.Threading.Tasks;

namespace MetaKan.Kernels
{
    internal static class Parts
    {
        /// <summary>The number of parts to split a range into.</summary>
        /// <param name="items">The number of items.</param>
        /// <param name="least">The least number of items per thread.</param>
        /// <param name="threads">How many threads may work.</param>
        internal static int Count(long items, long least, int threads) =>
            (int)Math.Clamp(items / least, 1, Math.Max(1, threads));

        /// <summary>Does the work on every part, given its number and its range.</summary>
        internal static void Run(int parts, long items, Action<int, long, long> work)
        {
            if (parts == 1)
                work(0, 0, items);
            else
                Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = parts },
                    part => work(part, items * part / parts, items * (part + 1) / parts));
        }
    }
}
