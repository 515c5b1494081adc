// The Feynman set: 120 equations of physics for networks to learn, in the order and on the ranges of pykan.
// Udrescu and Tegmark, "AI Feynman" (Science Advances 2020, arXiv 1905.11481): 100 from Feynman's Lectures, named by
// volume and equation, and 20 from other books. Its authors sample other ranges; those here are pykan's, on which the
// KAN literature reports its figures.
//
// Values are pykan's, with these remarks:
//   I.16.6           pykan's function has the product u*v for the sum in the numerator, its formula the sum: the sum.
//   I.18.12          pykan names it I.18.4 too, so that by that name its centre of mass cannot be had.
//   I.32.5           AI Feynman has 6 pi epsilon for the epsilon: as pykan.
//   Goldstein 12.80  pykan's function and AI Feynman have x/y, pykan's formula y/x: x/y.
//   Jackson 2.11     pykan's function cannot be evaluated; its formula is AI Feynman's.
//   Jackson 3.45     AI Feynman divides by 4 pi epsilon, one variable more: as pykan.
// Names are pykan's even where they are not the Lectures' numbers (I.8.4 is I.8.14 there, I.10.9 is II.10.9), but for
// I.18.12 and the spelling of Friedmann and Rutherford.
//
// Some ranges touch a singularity; pykan draws from them uniformly and takes no care of it, nor need it, for the
// points that are not finite have probability zero:
//   v = c            I.10.7, I.15.3x, I.15.3t, II.13.23, II.13.34, II.21.32, Relativistic aberration (theta2 = 0),
//                    Jackson 11.38 (theta = pi)
//   omega = omega0   I.32.17, III.9.52 (there removable, and also at t = 0)
//   hbar*omega = 0   III.4.33 (removable)
//   coinciding       Jackson 2.11 (y = d), Jackson 3.45 (r = d with alpha = 0 or r = 0)
namespace MetaKan.Fitting

open System
open MetaKan

/// An equation of the Feynman set.
type FeynmanEquation =
    {
        /// As in "I.6.20a" or "Compton scattering".
        Name: string
        /// The inputs in their order, each with the range that it is drawn from, uniformly.
        Variables: (string * (float * float)) list
        /// The output, in the language of Parser.expression.
        Formula: string
    }

/// The equations of the Feynman set.
[<RequireQualifiedAccess>]
module Feynman =
    let private signed = -1.0, 1.0
    let private unit = 0.0, 1.0
    let private scale = 0.5, 2.0
    let private above = 1.0, 2.0
    let private turn = 0.0, 2.0 * Math.PI

    // Variables in a row that share a range stand together.
    let private equation (name, groups: (string * (float * float)) list, formula) =
        {
            Name = name
            Variables =
                [
                    for names, range in groups do
                        yield! [ for v in names.Split ' ' -> v, range ]
                ]
            Formula = formula
        }

    /// The 120 equations in the set's order.
    let equations: FeynmanEquation list =
        [
            "I.6.20a", [ "theta", (-3.0, 3.0) ], "exp(-theta^2/2)/sqrt(2*pi)"
            "I.6.20", [ "theta", signed; "sigma", scale ], "exp(-theta^2/(2*sigma^2))/sqrt(2*pi*sigma^2)"
            "I.6.20b",
            [ "theta theta1", (-1.5, 1.5); "sigma", scale ],
            "exp(-((theta - theta1)/sigma)^2/2)/(sqrt(2*pi)*sigma)"
            "I.8.4", [ "x1 x2 y1 y2", signed ], "sqrt((x2 - x1)^2 + (y2 - y1)^2)"
            "I.9.18",
            [
                "G m1 m2", signed
                "x1", (-1.0, -0.5)
                "x2", (0.5, 1.0)
                "y1", (-1.0, -0.5)
                "y2", (0.5, 1.0)
                "z1", (-1.0, -0.5)
                "z2", (0.5, 1.0)
            ],
            "G*m1*m2/((x2 - x1)^2 + (y2 - y1)^2 + (z2 - z1)^2)"
            "I.10.7", [ "m0 v", unit; "c", above ], "m0/sqrt(1 - v^2/c^2)"
            "I.11.19", [ "x1 y1 x2 y2 x3 y3", signed ], "x1*y1 + x2*y2 + x3*y3"
            "I.12.1", [ "mu N_n", signed ], "mu*N_n"
            "I.12.2", [ "q1 q2", signed; "epsilon r", scale ], "q1*q2/(4*pi*epsilon*r^2)"
            "I.12.4", [ "q1", signed; "epsilon r", scale ], "q1/(4*pi*epsilon*r^2)"
            "I.12.5", [ "q2 E_f", signed ], "q2*E_f"
            "I.12.11", [ "q E_f B v", signed; "theta", turn ], "q*(E_f + B*v*sin(theta))"
            "I.13.4", [ "m u v w", signed ], "m*(u^2 + v^2 + w^2)/2"
            "I.13.12", [ "G m1 m2", unit; "r1 r2", scale ], "G*m1*m2*(1/r2 - 1/r1)"
            "I.14.3", [ "m g", unit; "z", signed ], "m*g*z"
            "I.14.4", [ "k_s", unit; "x", signed ], "k_s*x^2/2"
            "I.15.3x", [ "x u t", signed; "c", above ], "(x - u*t)/sqrt(1 - u^2/c^2)"
            "I.15.3t", [ "t u x", signed; "c", above ], "(t - u*x/c^2)/sqrt(1 - u^2/c^2)"
            "I.15.10", [ "m0", signed; "v", (-0.9, 0.9); "c", (1.1, 2.0) ], "m0*v/sqrt(1 - v^2/c^2)"
            "I.16.6", [ "u v", (-0.8, 0.8); "c", above ], "(u + v)/(1 + u*v/c^2)"
            "I.18.4", [ "m1", (0.5, 1.0); "r1", signed; "m2", (0.5, 1.0); "r2", signed ], "(m1*r1 + m2*r2)/(m1 + m2)"
            "I.18.12", [ "r F", signed; "theta", turn ], "r*F*sin(theta)"
            "I.18.16", [ "m r v", signed; "theta", turn ], "m*r*v*sin(theta)"
            "I.24.6", [ "m", unit; "omega omega0 x", signed ], "m*(omega^2 + omega0^2)*x^2/4"
            "I.25.13", [ "q", signed; "C", scale ], "q/C"
            "I.26.2", [ "n", (0.0, 0.99); "theta2", turn ], "arcsin(n*sin(theta2))"
            "I.27.6", [ "d1", scale; "d2", above; "n", scale ], "1/(1/d1 + n/d2)"
            "I.29.4", [ "omega", unit; "c", scale ], "omega/c"
            "I.29.16", [ "x1 x2", signed; "theta1 theta2", turn ], "sqrt(x1^2 + x2^2 - 2*x1*x2*cos(theta1 - theta2))"
            "I.30.3",
            [ "I0", unit; "n", (0.0, 4.0); "theta", (0.4 * Math.PI, 1.6 * Math.PI) ],
            "I0*sin(n*theta/2)^2/sin(theta/2)^2"
            "I.30.5", [ "lambda", signed; "n d", (1.0, 1.5) ], "arcsin(lambda/(n*d))"
            "I.32.5", [ "q a", signed; "epsilon c", scale ], "q^2*a^2/(epsilon*c^3)"
            "I.32.17",
            [ "epsilon c", unit; "E_f", signed; "r omega", unit; "omega0", above ],
            "epsilon*c*E_f^2/2 * 8*pi*r^2/3 * omega^4/(omega^2 - omega0^2)^2"
            "I.34.8", [ "q v B", signed; "p", scale ], "q*v*B/p"
            "I.34.10", [ "omega0", unit; "v", (0.0, 0.9); "c", (1.1, 2.0) ], "omega0/(1 - v/c)"
            "I.34.14", [ "omega0", unit; "v", (-0.9, 0.9); "c", (1.1, 2.0) ], "omega0*(1 + v/c)/sqrt(1 - v^2/c^2)"
            "I.34.27", [ "hbar omega", signed ], "hbar*omega"
            "I.37.4", [ "I1 I2", (0.1, 1.0); "delta", turn ], "I1 + I2 + 2*sqrt(I1*I2)*cos(delta)"
            "I.38.12", [ "epsilon hbar", unit; "m q", scale ], "4*pi*epsilon*hbar^2/(m*q^2)"
            "I.39.10", [ "p_F V", unit ], "3/2*p_F*V"
            "I.39.11", [ "gamma", (1.5, 3.0); "p_F V", unit ], "p_F*V/(gamma - 1)"
            "I.39.22", [ "n k_b T", unit; "V", scale ], "n*k_b*T/V"
            "I.40.1", [ "n0", unit; "m g x", signed; "k_b T", above ], "n0*exp(-m*g*x/(k_b*T))"
            "I.41.16",
            [ "hbar omega", (0.5, 1.0); "c k_b T", scale ],
            "hbar*omega^3/(pi^2*c^2*(exp(hbar*omega/(k_b*T)) - 1))"
            "I.43.16", [ "mu q V_e", unit; "d", scale ], "mu*q*V_e/d"
            "I.43.31", [ "mu k_b T", unit ], "mu*k_b*T"
            "I.43.43", [ "gamma", (1.5, 3.0); "k_b v", unit; "A", scale ], "k_b*v/(A*(gamma - 1))"
            "I.44.4", [ "n k_b T", unit; "V1 V2", scale ], "n*k_b*T*log(V2/V1)"
            "I.47.23", [ "gamma p", (0.1, 1.0); "rho", scale ], "sqrt(gamma*p/rho)"
            "I.48.20", [ "m", unit; "v", (-0.9, 0.9); "c", (1.1, 2.0) ], "m*c^2/sqrt(1 - v^2/c^2)"
            "I.50.26", [ "x1 alpha", unit; "omega", turn; "t", unit ], "x1*(cos(omega*t) + alpha*cos(omega*t)^2)"
            "II.2.42", [ "kappa T1 T2 A", unit; "d", scale ], "kappa*(T2 - T1)*A/d"
            "II.3.24", [ "P", unit; "r", scale ], "P/(4*pi*r^2)"
            "II.4.23", [ "q", unit; "epsilon r", scale ], "q/(4*pi*epsilon*r)"
            "II.6.11", [ "epsilon", scale; "p_d", unit; "theta", turn; "r", scale ], "p_d*cos(theta)/(4*pi*epsilon*r^2)"
            "II.6.15a",
            [ "epsilon", scale; "p_d z x y", unit; "r", scale ],
            "3*p_d*z*sqrt(x^2 + y^2)/(4*pi*epsilon*r^5)"
            "II.6.15b",
            [ "epsilon", scale; "p_d", unit; "r", scale; "theta", turn ],
            "3*p_d*cos(theta)*sin(theta)/(4*pi*epsilon*r^3)"
            "II.8.7", [ "q", unit; "epsilon d", scale ], "3/5*q^2/(4*pi*epsilon*d)"
            "II.8.31", [ "epsilon E_f", unit ], "epsilon*E_f^2/2"
            "I.10.9", [ "sigma", unit; "epsilon", scale; "chi", unit ], "sigma/(epsilon*(1 + chi))"
            "II.11.3",
            [ "q E_f", unit; "m", scale; "omega0", (1.5, 3.0); "omega", unit ],
            "q*E_f/(m*(omega0^2 - omega^2))"
            "II.11.17",
            [ "n0", unit; "p_d E_f", signed; "theta", turn; "k_b T", scale ],
            "n0*(1 + p_d*E_f*cos(theta)/(k_b*T))"
            "II.11.20", [ "n p_d E_f", unit; "k_b T", scale ], "n*p_d^2*E_f/(3*k_b*T)"
            "II.11.27", [ "n", unit; "alpha", (0.0, 2.0); "epsilon E_f", unit ], "n*alpha/(1 - n*alpha/3)*epsilon*E_f"
            "II.11.28", [ "n", unit; "alpha", (0.0, 2.0) ], "1 + n*alpha/(1 - n*alpha/3)"
            "II.13.17", [ "epsilon c", scale; "I", unit; "r", scale ], "2*I/(4*pi*epsilon*c^2*r)"
            "II.13.23", [ "rho v", unit; "c", above ], "rho/sqrt(1 - v^2/c^2)"
            "II.13.34", [ "rho v", unit; "c", above ], "rho*v/sqrt(1 - v^2/c^2)"
            "II.15.4", [ "mu_M B", unit; "theta", turn ], "-mu_M*B*cos(theta)"
            "II.15.5", [ "p_d E_f", unit; "theta", turn ], "-p_d*E_f*cos(theta)"
            "II.21.32", [ "q", unit; "epsilon r", scale; "v", unit; "c", above ], "q/(4*pi*epsilon*r*(1 - v/c))"
            "II.24.17",
            [ "omega", (1.0, 1.5); "c", (0.75, 1.0); "d", (Math.PI, 1.5 * Math.PI) ],
            "sqrt(omega^2/c^2 - pi^2/d^2)"
            "II.27.16", [ "epsilon c", unit; "E_f", signed ], "epsilon*c*E_f^2"
            "II.27.18", [ "epsilon", unit; "E_f", signed ], "epsilon*E_f^2"
            "II.34.2a", [ "q v", unit; "r", scale ], "q*v/(2*pi*r)"
            "II.34.2", [ "q v r", unit ], "q*v*r/2"
            "II.34.11", [ "g q B", unit; "m", scale ], "g*q*B/(2*m)"
            "II.34.29a", [ "q h", unit; "m", scale ], "q*h/(4*pi*m)"
            "II.34.29b", [ "g mu B J", unit; "hbar", scale ], "g*mu*B*J/hbar"
            "II.35.18", [ "n0 mu B", unit; "k_b T", scale ], "n0/(exp(mu*B/(k_b*T)) + exp(-mu*B/(k_b*T)))"
            "II.35.21", [ "n mu B", unit; "k_b T", scale ], "n*mu*tanh(mu*B/(k_b*T))"
            "II.36.38",
            [ "mu B", unit; "k_b T", scale; "alpha M", unit; "epsilon c", scale ],
            "mu*B/(k_b*T) + mu*alpha*M/(epsilon*c^2*k_b*T)"
            "II.37.1", [ "mu chi B", unit ], "mu*(1 + chi)*B"
            "II.38.3", [ "Y A x", unit; "d", scale ], "Y*A*x/d"
            "II.38.14", [ "Y sigma", unit ], "Y/(2*(1 + sigma))"
            "III.4.32", [ "hbar omega", (0.5, 1.0); "k_b T", scale ], "1/(exp(hbar*omega/(k_b*T)) - 1)"
            "III.4.33", [ "hbar omega", unit; "k_b T", scale ], "hbar*omega/(exp(hbar*omega/(k_b*T)) - 1)"
            "III.7.38", [ "mu B", unit; "hbar", scale ], "2*mu*B/hbar"
            "III.8.54", [ "E", turn; "t", unit; "hbar", scale ], "sin(E*t/hbar)^2"
            "III.9.52",
            [ "p_d E_f t", unit; "hbar", scale; "omega omega0", (0.0, Math.PI) ],
            "p_d*E_f*t/hbar * (sin((omega - omega0)*t/2)/((omega - omega0)*t/2))^2"
            "III.10.19", [ "mu B_x B_y B_z", unit ], "mu*sqrt(B_x^2 + B_y^2 + B_z^2)"
            "III.12.43", [ "n hbar", unit ], "n*hbar"
            "III.13.18", [ "E d k", unit; "hbar", scale ], "2*E*d^2*k/hbar"
            "III.14.14", [ "I0 q V_e", unit; "k_b T", scale ], "I0*(exp(q*V_e/(k_b*T)) - 1)"
            "III.15.12", [ "U", unit; "k", turn; "d", unit ], "2*U*(1 - cos(k*d))"
            "III.15.14", [ "hbar", unit; "E d", scale ], "hbar^2/(2*E*d^2)"
            "III.15.27", [ "alpha", unit; "n d", scale ], "2*pi*alpha/(n*d)"
            "III.17.37", [ "beta alpha", unit; "theta", turn ], "beta*(1 + alpha*cos(theta))"
            "III.19.51", [ "m q", unit; "epsilon hbar n", scale ], "-m*q^4/(2*(4*pi*epsilon)^2*hbar^2*n^2)"
            "III.21.20", [ "rho q A", unit; "m", scale ], "-rho*q*A/m"
            "Rutherford scattering",
            [ "Z1 Z2 alpha hbar c", unit; "E", scale; "theta", (0.1 * Math.PI, 0.9 * Math.PI) ],
            "(Z1*Z2*alpha*hbar*c/(4*E*sin(theta/2)^2))^2"
            "Friedmann equation", [ "G rho", above; "k_f c", unit; "a_f", above ], "sqrt(8*pi*G*rho/3 - k_f*c^2/a_f^2)"
            "Compton scattering", [ "E", unit; "m c", scale; "theta", turn ], "E/(1 + E/(m*c^2)*(1 - cos(theta)))"
            "Radiated gravitational wave power",
            [ "G", unit; "c", scale; "m1 m2", unit; "r", scale ],
            "-32/5*G^4/c^5*(m1*m2)^2*(m1 + m2)/r^5"
            "Relativistic aberration",
            [ "theta2", (0.0, Math.PI); "v", unit; "c", above ],
            "arccos((cos(theta2) - v/c)/(1 - v/c*cos(theta2)))"
            "N-slit diffraction",
            [ "I0", unit; "alpha delta", (0.1 * Math.PI, 0.9 * Math.PI); "N", (0.5, 1.0) ],
            "I0*(sin(alpha/2)/(alpha/2)*sin(N*delta/2)/sin(delta/2))^2"
            "Goldstein 3.16",
            [ "m", above; "E", (2.0, 3.0); "U L", unit; "r", above ],
            "sqrt(2/m*(E - U - L^2/(2*m*r^2)))"
            "Goldstein 3.55",
            [ "m k_G L", scale; "E", unit; "theta1 theta2", turn ],
            "m*k_G/L^2*(1 + sqrt(1 + 2*E*L^2/(m*k_G^2))*cos(theta1 - theta2))"
            "Goldstein 3.64 (ellipse)",
            [ "d", unit; "alpha", (0.0, 0.9); "theta1 theta2", turn ],
            "d*(1 - alpha^2)/(1 + alpha*cos(theta2 - theta1))"
            "Goldstein 3.74 (Kepler)", [ "d", unit; "G m1 m2", scale ], "2*pi*d^(3/2)/sqrt(G*(m1 + m2))"
            "Goldstein 3.99",
            [ "epsilon E L", unit; "m Z1 Z2 q", scale ],
            "sqrt(1 + 2*epsilon^2*E*L^2/(m*(Z1*Z2*q^2)^2))"
            "Goldstein 8.56", [ "p q A c m V_e", unit ], "sqrt((p - q*A)^2*c^2 + m^2*c^4) + q*V_e"
            "Goldstein 12.80",
            [ "m", scale; "p omega x alpha", unit; "y", scale ],
            "(p^2 + m^2*omega^2*x^2*(1 + alpha*x/y))/(2*m)"
            "Jackson 2.11",
            [ "q", unit; "epsilon", scale; "y", above; "V_e d", unit ],
            "q/(4*pi*epsilon*y^2)*(4*pi*epsilon*V_e*d - q*d*y^3/(y^2 - d^2)^2)"
            "Jackson 3.45", [ "q r d", unit; "alpha", turn ], "q/sqrt(r^2 + d^2 - 2*d*r*cos(alpha))"
            "Jackson 4.60",
            [ "E_f", unit; "theta", turn; "alpha", (0.0, 2.0); "d", unit; "r", scale ],
            "E_f*cos(theta)*((alpha - 1)/(alpha + 2)*d^3/r^2 - r)"
            "Jackson 11.38 (Doppler)",
            [ "omega v", unit; "c", above; "theta", turn ],
            "omega*sqrt(1 - v^2/c^2)/(1 + v/c*cos(theta))"
            "Weinberg 15.2.1",
            [ "G", scale; "c k_f", unit; "a_f", scale; "H", unit ],
            "3/(8*pi*G)*(c^2*k_f/a_f^2 + H^2)"
            "Weinberg 15.2.2",
            [ "G", scale; "c k_f", unit; "a_f", scale; "H alpha", unit ],
            "-1/(8*pi*G)*(c^4*k_f/a_f^2 + c^2*H^2*(1 - 2*alpha))"
            "Schwarz 13.132 (Klein-Nishina)",
            [ "alpha hbar", unit; "m c omega0 omega", scale; "theta", turn ],
            "pi*(alpha*hbar/(m*c))^2*(omega0/omega)^2*(omega0/omega + omega/omega0 - sin(theta)^2)"
        ]
        |> List.map equation

    // Levenshtein's distance: the fewest characters to insert, delete or replace to make one text of the other.
    let private distance (a: string) (b: string) =
        (List.init (b.Length + 1) id, a)
        ||> Seq.fold (fun row x ->
            (row.Head + 1, Seq.zip b (List.pairwise row))
            ||> Seq.scan (fun left (y, (diagonal, up)) ->
                min (1 + min left up) (if x = y then diagonal else diagonal + 1))
            |> List.ofSeq)
        |> List.last

    /// The equation of a name, in upper or lower case. Raises BadInput, with those closest to it, where there is none.
    let find (name: string) : FeynmanEquation =
        let named (e: FeynmanEquation) = e.Name.Equals(name, StringComparison.OrdinalIgnoreCase)

        match List.tryFind named equations with
        | Some equation -> equation
        | None ->
            // Part of a name is closer than any other spelling.
            let apart (other: string) =
                not (other.Contains(name, StringComparison.OrdinalIgnoreCase)),
                distance (name.ToLowerInvariant()) (other.ToLowerInvariant())

            let closest =
                equations
                |> List.map _.Name
                |> List.groupBy apart
                |> List.minBy fst
                |> snd
                |> List.truncate 3
                |> String.concat ", "

            raise (BadInput $"the Feynman set has no equation '{name}'; closest to it: {closest}")
